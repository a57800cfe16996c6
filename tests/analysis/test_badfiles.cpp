// Files that are damaged, foreign or hostile: each is refused with one sentence that says so.
#include <sys/stat.h>
#include <unistd.h>
#include <QDir>
#include <QTemporaryDir>
#include <QtTest>
#include <functional>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/error.h"
#include "tests/analysis/tensorwriters.h"

using namespace analysis;
using namespace writers;

namespace {

struct BadFile {
  const char* title;
  const char* file;  // what is opened, below a fresh folder
  std::string says;  // part of the sentence
  std::function<void(const QTemporaryDir&)> arrange;
};

std::string header(const std::string& json, std::size_t bufferBytes) {
  return safetensorsWithHeader(json, std::string(bufferBytes, '\0'));
}

BadFile content(const char* title, const char* file, const char* says, const std::string& bytes) {
  return {title, file, says, [=](const QTemporaryDir& folder) { save(folder.filePath(file), bytes); }};
}

BadFile pickled(const char* title, const char* says, const std::string& stream, const std::string& storage = "1234") {
  return content(title, "bad.pt", says, torchZip(stream, {storage}));
}

std::string one(const std::string& tensor) {
  return pickle::stream(pickle::dict({{"t", tensor}}));
}

BadFile sharded(const char* title, const char* says, const std::string& index) {
  return {title, "m.safetensors.index.json", says, [=](const QTemporaryDir& folder) {
            save(folder.filePath("m.safetensors.index.json"), index);
            save(folder.filePath("a.safetensors"), safetensors({floats("x", {1}, {1}), floats("y", {1}, {1})}));
            save(folder.filePath("b.safetensors"), safetensors({floats("y", {1}, {1})}));
          }};
}

std::vector<BadFile> safetensorsCases() {
  const std::string good = safetensors({floats("x", {2, 3}, {1, 2, 3, 4, 5, 6})});
  return {
      content("empty file", "e.safetensors", "is empty", ""),
      content("short file", "s.safetensors", "does not begin like", "12345"),
      content("wrong magic", "w.safetensors", "does not begin like", std::string(64, 'z')),
      content("unknown format", "w.bin", "format that is not known", std::string(64, 'z')),
      content("truncated values", "t.safetensors", "truncated", good.substr(0, good.size() - 4)),
      content("truncated header", "h.safetensors", "announces a header of", good.substr(0, 20)),
      content("header beyond the file", "l.safetensors", "announces a header of",
              little<std::uint64_t>(1 << 20) + "{}  "),
      content("bytes after the end", "a.safetensors", "bytes after its last", good + "x"),
      content("not JSON", "j.safetensors", "not valid JSON", header("{\"x\": ", 4)),
      content("deep JSON", "d.safetensors", "nests deeper",
              header("{\"x\":" + std::string(100000, '[') + "1" + std::string(100000, ']') + "}", 0)),
      content(
          "duplicate key", "k.safetensors", "twice",
          header(
              R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"x":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
              2)),
      content("unknown dtype", "y.safetensors", "unknown dtype",
              header(R"({"x":{"dtype":"Q7","shape":[1],"data_offsets":[0,1]}})", 1)),
      content("no dtype", "n.safetensors", "has no dtype", header(R"({"x":{"shape":[1],"data_offsets":[0,1]}})", 1)),
      content("absurd shape", "b.safetensors", "absurd shape",
              header(R"({"x":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}})", 4)),
      content("huge but possible shape", "p.safetensors", "does not match its bytes",
              header(R"({"x":{"dtype":"F32","shape":[1073741824,1048576],"data_offsets":[0,4]}})", 4)),
      content("negative size", "g.safetensors", "wrong form",
              header(R"({"x":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4)),
      content("offsets reversed", "r.safetensors", "beyond the end",
              header(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4)),
      content(
          "overlap", "o.safetensors", "overlap",
          header(
              R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})",
              6)),
      content(
          "hole", "q.safetensors", "hole",
          header(
              R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1],"data_offsets":[6,10]}})",
              10)),
      sharded("missing shard", "shard c.safetensors is missing",
              R"({"weight_map":{"x":"a.safetensors","z":"c.safetensors"}})"),
      sharded("tensor absent from its shard", "is not in its shard",
              R"({"weight_map":{"x":"b.safetensors","y":"b.safetensors"}})"),
      sharded("tensor in two shards", "as well as in", R"({"weight_map":{"x":"a.safetensors","y":"b.safetensors"}})"),
      sharded("index leads elsewhere", "does not lie beside", R"({"weight_map":{"x":"../a.safetensors"}})"),
      sharded("no index", "no index", R"({"layers": 4})"),
  };
}

std::vector<BadFile> torchCases() {
  using namespace pickle;
  const std::string store = storage("FloatStorage", "0", 1);
  const std::string good = torchFile({floats("x", {1}, {1})});
  std::string program = zip({{"m/data.pkl", stream(dict({}))}, {"m/constants.pkl", stream(")")}, {"m/code/m.py", "x"}});
  return {
      content("truncated zip", "t.ckpt", "cannot be read as a zip file", good.substr(0, good.size() - 30)),
      content("zip without a checkpoint", "z.pt", "no PyTorch checkpoint", zip({{"a/b.txt", "x"}})),
      content("false central size", "f.pt", "larger than the file",
              torchFile({floats("x", {1}, {1})}, {}, {false, true, std::int64_t(1) << 50})),
      content("false deflated size", "d.pt", "impossible size",
              torchFile({floats("x", {1}, {1})}, {}, {true, true, std::int64_t(1) << 50})),
      content("TorchScript", "s.pt", "TorchScript", program),
      content("legacy stream", "l.pt", "before 1.6",
              std::string("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15) + std::string(50, 'x')),
      content("bare pickle", "p.pkl", "bare pickle", stream(dict({}))),
      pickled("calls os.system", "posix.system, which no honest checkpoint does",
              stream(call("posix", "system", tuple({text("true")})))),
      pickled("calls eval below a name", "builtins.eval",
              stream(dict({{"a", call("builtins", "eval", tuple({text("1")}))}}))),
      pickled("imports subprocess, protocol 4", "subprocess.Popen", "\x80\x04\x8c\x0asubprocess\x8c\x05Popen\x93."),
      pickled("absurd shape", "absurd shape",
              one(tensor(store, 0, {std::int64_t(1) << 40, std::int64_t(1) << 40}, {1, 1}))),
      pickled("absurd shape of an unknown type", "absurd shape",
              one(tensor(storage("Float9Storage", "0", 1), 0, {std::int64_t(1) << 40}, {1}))),
      pickled("negative shape", "absurd shape", one(tensor(store, 0, {-4}, {1}))),
      pickled("beyond the storage", "reaches beyond", one(tensor(store, 0, {2}, {1}))),
      pickled("offset beyond the storage", "reaches beyond", one(tensor(store, 1, {1}, {1}))),
      pickled("negative offset", "reaches beyond", one(tensor(store, -1, {1}, {1}))),
      pickled("stride overflow", "reaches beyond",
              one(tensor(store, 0, {3, 3}, {std::int64_t(1) << 62, std::int64_t(1) << 62}))),
      pickled("negative stride", "negative stride", one(tensor(store, 0, {2}, {-1}))),
      pickled("endless repetition", "repeats its storage", one(tensor(store, 0, {std::int64_t(1) << 40}, {0}))),
      pickled("storage shorter than announced", "shorter than announced",
              one(tensor(storage("FloatStorage", "0", 2), 0, {1}, {1}))),
      pickled("storage of absurd size", "absurd size",
              one(tensor(storage("FloatStorage", "0", INT64_MAX), 0, {1}, {1}))),
      pickled("storage absent", "lacks its member", one(tensor(storage("FloatStorage", "9", 1), 0, {1}, {1}))),
      pickled("tensor that lacks arguments", "arguments of the wrong form",
              one(call("torch._utils", "_rebuild_tensor_v2", tuple({store, integer(0)})))),
      pickled("tensor of no storage", "arguments of the wrong form", one(tensor(integer(1), 0, {1}, {1}))),
      pickled("strides of another shape", "arguments of the wrong form", one(tensor(store, 0, {1}, {1, 1}))),
      pickled("shape of text", "arguments of the wrong form",
              one(call("torch._utils", "_rebuild_tensor_v2",
                       tuple({store, integer(0), tuple({text("a")}), integers({1}), "\x89", dict({})})))),
      pickled("shape that is no list", "arguments of the wrong form",
              one(call("torch._utils", "_rebuild_tensor_v2",
                       tuple({store, integer(0), integer(4), integers({1}), "\x89", dict({})})))),
      pickled("storage that is none", "storage reference of an unknown form", stream(integer(1) + "Q")),
      pickled("storage without a size", "storage reference of an unknown form",
              stream(tuple({text("storage"), global("torch", "FloatStorage"), text("0"), text("cpu")}) + "Q")),
      pickled("reference to something else", "storage reference of an unknown form",
              stream(tuple({text("module"), global("torch", "FloatStorage"), text("0"), text("cpu"), integer(1)}) + "Q")),
      pickled("storage of less than nothing", "absurd size", one(tensor(storage("FloatStorage", "0", -1), 0, {1}, {1}))),
      pickled("opens a file", "io.open", stream(call("io", "open", tuple({text("/etc/passwd")})))),
      pickled("million marks", "a mark that is not there",
              "\x80\x02" + std::string(1000000, '(') + std::string(1000001, '1') + "."),
      pickled("stack underflow", "a value that is not there", "\x80\x02s."),
      pickled("value below a mark", "a value that is not there", "\x80\x02N(s."),
      pickled("unknown memo entry", "never stored", std::string("\x80\x02h\x07.", 5)),
      pickled("text opcode", "opcode 0x49", "\x80\x02I12\n."),
      pickled("bytes after the end", "goes on after", stream(dict({})) + "N"),
      pickled("no end", "ends too early", "\x80\x02N"),
      pickled("text longer than the file", "ends too early", "\x80\x02X" + little<std::uint32_t>(0x7fffffff) + "a."),
      pickled("text longer than any file", "ends too early",
              "\x80\x02\x8d" + little<std::uint64_t>(~std::uint64_t(0)) + "a."),
      pickled("text that is not UTF-8", "not UTF-8", stream(text("\xc3\x28"))),
      pickled("key without a value", "key without a value", "\x80\x02}(" + text("a") + "u."),
      pickled("no tensors", "no tensors", stream(dict({{"a", integer(1)}}))),
      pickled("no dictionary", "neither tensors nor", stream(integer(3))),
  };
}

std::vector<BadFile> placeCases() {
  return {
      {"no such file", "absent.ckpt", "no such file", [](const QTemporaryDir&) {}},
      {"empty folder", "", "folder without a checkpoint", [](const QTemporaryDir&) {}},
      {"folder with two checkpoints", "", "holds several checkpoints",
       [](const QTemporaryDir& folder) {
         save(folder.filePath("a.pt"), "x");
         save(folder.filePath("b.ckpt"), "x");
       }},
      {"fifo", "pipe.ckpt", "not a regular file",
       [](const QTemporaryDir& folder) { QCOMPARE(::mkfifo(qPrintable(folder.filePath("pipe.ckpt")), 0600), 0); }},
      {"device", "null.ckpt", "not a regular file",
       [](const QTemporaryDir& folder) { QVERIFY(QFile::link("/dev/null", folder.filePath("null.ckpt"))); }},
      {"no tensors", "v.safetensors", "holds no tensors",
       [](const QTemporaryDir& folder) { save(folder.filePath("v.safetensors"), safetensors({})); }},
  };
}

}  // namespace

class TestBadFiles : public QObject {
  Q_OBJECT
 private slots:
  void refusesInOneSentence_data();
  void refusesInOneSentence();
  void permissionDenied_data();
  void permissionDenied();
  void checksCrc();
  void noticesShrinkingFiles_data();
  void noticesShrinkingFiles();
  void survivesWhatCrashesLibraries_data();
  void survivesWhatCrashesLibraries();
};

void TestBadFiles::refusesInOneSentence_data() {
  QTest::addColumn<int>("group");
  QTest::addColumn<int>("index");
  int group = 0;
  for (const auto& cases : {safetensorsCases(), torchCases(), placeCases()}) {
    for (std::size_t i = 0; i < cases.size(); ++i) QTest::newRow(cases[i].title) << group << int(i);
    ++group;
  }
}

void TestBadFiles::refusesInOneSentence() {
  QFETCH(int, group);
  QFETCH(int, index);
  const BadFile bad = (group == 0 ? safetensorsCases() : group == 1 ? torchCases() : placeCases())[std::size_t(index)];
  QTemporaryDir folder;
  bad.arrange(folder);
  try {
    (void)Checkpoint::open(folder.filePath(bad.file).toStdString());
    QFAIL("accepted");
  } catch (const Error& error) {
    const std::string sentence = error.what();
    QVERIFY(error.kind() == ErrorKind::input);
    QVERIFY2(sentence.find(bad.says) != std::string::npos, sentence.c_str());
    QVERIFY2(sentence.find(folder.path().toStdString()) != std::string::npos, sentence.c_str());
    QVERIFY2(sentence.ends_with(".") && sentence.find('\n') == std::string::npos, sentence.c_str());
  }
}

void TestBadFiles::permissionDenied_data() {
  QTest::addColumn<QString>("locked");  // what may not be read
  QTest::addColumn<QString>("opened");
  QTest::addColumn<bool>("opens");  // all the same, with a remark
  QTest::newRow("file") << "a.safetensors" << "a.safetensors" << false;
  QTest::newRow("HDF5 file") << "bank.h5" << "bank.h5" << false;
  QTest::newRow("shard") << "a.safetensors" << "m.safetensors.index.json" << false;
  QTest::newRow("index") << "m.safetensors.index.json" << "m.safetensors.index.json" << false;
  QTest::newRow("piece") << "w.pt.part1" << "w.pt.part0" << false;
  QTest::newRow("folder") << "." << "" << false;
  QTest::newRow("configuration") << "config.json" << "w.pt.part0" << true;
}
void TestBadFiles::permissionDenied() {
  QFETCH(QString, locked);
  QFETCH(QString, opened);
  QFETCH(bool, opens);
  QTemporaryDir place;
  const auto in = [&](const QString& name) { return place.filePath("f/" + name); };
  QVERIFY(QDir(place.path()).mkdir("f"));
  save(in("a.safetensors"), safetensors({floats("x", {1}, {1})}));
  save(in("m.safetensors.index.json"), R"({"weight_map": {"x": "a.safetensors"}})");
  save(in("config.json"), "{}");
  QVERIFY(QFile::copy(POLECAT_TEST_DATA "/bank.h5", in("bank.h5")));
  const std::string torch = torchFile({floats("x", {1}, {1})});
  save(in("w.pt.part0"), torch.substr(0, 100));
  save(in("w.pt.part1"), torch.substr(100));
  const bool root = ::geteuid() == 0;  // whom no permission stops: act as nobody
  QCOMPARE(::chmod(qPrintable(place.path()), 0755), 0);
  QCOMPARE(::chmod(qPrintable(in(locked)), 0), 0);
  if (root) QCOMPARE(::seteuid(65534), 0);
  QString sentence;
  std::vector<std::string> remarks;
  try {
    remarks = Checkpoint::open(in(opened).toStdString())->tensors().remarks();
  } catch (const Error& error) {
    sentence = error.what();
  }
  if (root) QCOMPARE(::seteuid(0), 0);
  QCOMPARE(::chmod(qPrintable(in(locked)), 0755), 0);
  if (!opens) {
    QVERIFY2(sentence.contains("permission denied", Qt::CaseInsensitive), qPrintable(sentence));
    QVERIFY2(sentence.endsWith('.') && !sentence.contains('\n'), qPrintable(sentence));
    return;
  }
  QVERIFY2(sentence.isEmpty(), qPrintable(sentence));
  QVERIFY(remarks.size() == 1 && QString::fromStdString(remarks[0]).contains("permission denied", Qt::CaseInsensitive));
}

void TestBadFiles::checksCrc() {
  QTemporaryDir folder;
  std::string bytes = torchFile({floats("x", {2}, {3.f, 5.f})});
  const std::size_t at = bytes.find(little(3.f) + little(5.f));
  QVERIFY(at != std::string::npos);
  bytes[at + 2] = char(bytes[at + 2] ^ 1);
  save(folder.filePath("c.pt"), bytes);
  const auto file = openTensorFile(folder.filePath("c.pt").toStdString());
  QVERIFY_THROWS_EXCEPTION(Error, (void)file->doubles("x"));
}

void TestBadFiles::noticesShrinkingFiles_data() {
  QTest::addColumn<QString>("name");
  QTest::addColumn<QByteArray>("bytes");
  QTest::addColumn<QString>("tensor");
  const auto row = [](const char* name, const std::string& bytes, const char* tensor) {
    QTest::newRow(name) << name << QByteArray(bytes.data(), qsizetype(bytes.size())) << tensor;
  };
  const std::vector<Tensor> tensors{floats("x", {1000}, std::vector<float>(1000, 1.f))};
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000,), }";
  header += std::string(127 - (header.size() + 10) % 128, ' ') + "\n";
  const std::string array = "\x93NUMPY\x01" + std::string(1, '\0') + little(std::uint16_t(header.size())) + header +
                            std::string(4000, '\1');
  row("s.safetensors", safetensors(tensors), "x");
  row("stored.pt", torchFile(tensors), "x");
  row("deflated.pt", torchFile(tensors, {}, {true, false, -1}), "x");
  row("a.npy", array, "a");
  row("a.npz", zip({{"a.npy", array}}), "a");
  row("w.pt.part0", torchFile(tensors), "x");
  QFile hdf5(POLECAT_TEST_DATA "/bank.h5");
  if (!hdf5.open(QIODevice::ReadOnly)) qFatal("tests/data/bank.h5 is missing");
  row("bank.h5", hdf5.readAll().toStdString(), "filters/layers.0.x/h");
}
// Opened, then cut: an error, and no fault of the memory that would have shown the missing part.
void TestBadFiles::noticesShrinkingFiles() {
  QFETCH(QString, name);
  QFETCH(QByteArray, bytes);
  QFETCH(QString, tensor);
  QTemporaryDir folder;
  const QString path = folder.filePath(name);
  save(path, bytes.toStdString());
  const auto file = openTensorFile(path.toStdString());
  QVERIFY(file->find(tensor.toStdString()) != nullptr);
  QVERIFY(QFile::resize(path, 300));
  QVERIFY_THROWS_EXCEPTION(Error, (void)file->doubles(tensor.toStdString()));
  QVERIFY(file->changedPart().has_value());
}

// HDF5 1.10 copies as much as a text in its heap claims to be long, beyond all memory (newer ones may
// read past the damage).
void TestBadFiles::survivesWhatCrashesLibraries_data() {
  QTest::addColumn<quint64>("claimedBytes");
  QTest::newRow("text of 2 GB") << quint64(0x7ffffff0);
  QTest::newRow("text of 2^60 bytes") << (quint64(1) << 60);
}
void TestBadFiles::survivesWhatCrashesLibraries() {
  QFETCH(quint64, claimedBytes);
  QFile file(POLECAT_TEST_DATA "/bank.h5");
  QVERIFY(file.open(QIODevice::ReadOnly));
  std::string bytes = file.readAll().toStdString();
  const std::size_t heap = bytes.find("GCOL");
  QVERIFY(heap != std::string::npos);
  bytes.replace(heap + 24, 8, little(std::uint64_t(claimedBytes)));
  QTemporaryDir folder;
  save(folder.filePath("heap.h5"), bytes);
  try {
    const auto opened = openTensorFile(folder.filePath("heap.h5").toStdString());
    QVERIFY(!opened->tensors().empty());
  } catch (const Error& error) {
    QVERIFY(error.kind() == ErrorKind::input);
    QVERIFY2(QString(error.what()).contains("heap.h5: cannot be read"), error.what());
  }
}

QTEST_GUILESS_MAIN(TestBadFiles)
#include "test_badfiles.moc"
