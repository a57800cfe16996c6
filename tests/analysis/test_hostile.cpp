// Files made to hurt: bombs, circles, names that lead elsewhere, values that are no numbers. One table says what
// becomes of each: one clear sentence, or it opens and can be looked at. Whatever happens, the memory taken for opening
// is at most twice the file and a fixed 64 MB.
#include <QTemporaryDir>
#include <QtTest>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <new>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/error.h"
#include "analysis/reduction/distilled.h"
#include "analysis/response/statistics.h"
#include "tests/analysis/tensorwriters.h"

namespace {

// What this program has from operator new, and the most it ever had.
std::atomic<std::int64_t> taken{0}, most{0};
constexpr std::size_t header = 16;

void* take(std::size_t size) {
  auto* block = static_cast<std::byte*>(std::malloc(size + header));
  if (block == nullptr) throw std::bad_alloc();
  std::memcpy(block, &size, sizeof size);
  const std::int64_t now = taken += std::int64_t(size);
  std::int64_t before = most;
  while (now > before && !most.compare_exchange_weak(before, now)) {
  }
  return block + header;
}
void giveBack(void* pointer) {
  if (pointer == nullptr) return;
  std::byte* block = static_cast<std::byte*>(pointer) - header;
  std::size_t size = 0;
  std::memcpy(&size, block, sizeof size);
  taken -= std::int64_t(size);
  std::free(block);
}

}  // namespace

void* operator new(std::size_t size) {
  return take(size);
}
void* operator new[](std::size_t size) {
  return take(size);
}
// The temporary buffers of the standard algorithms; a sanitizer's own would not carry the header.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return take(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new[](std::size_t size, const std::nothrow_t& none) noexcept {
  return operator new(size, none);
}
void operator delete(void* pointer) noexcept {
  giveBack(pointer);
}
void operator delete[](void* pointer) noexcept {
  giveBack(pointer);
}
void operator delete(void* pointer, std::size_t) noexcept {
  giveBack(pointer);
}
void operator delete[](void* pointer, std::size_t) noexcept {
  giveBack(pointer);
}

using namespace analysis;
using namespace writers;

namespace {

struct Hostile {
  const char* title;
  const char* file;
  std::string says;  // part of the sentence; empty: it opens
  std::function<std::string()> bytes;
};

std::string repeated(const std::string& piece, int times) {
  std::string all;
  all.reserve(piece.size() * std::size_t(times));
  for (int i = 0; i < times; ++i) all += piece;
  return all;
}

// Real deflate, by Qt's zlib: without its four bytes of length, zlib's two of header and four of checksum.
std::string packed(const std::string& bytes) {
  const QByteArray zlib = qCompress(reinterpret_cast<const uchar*>(bytes.data()), qsizetype(bytes.size()), 9);
  return zlib.mid(6, zlib.size() - 10).toStdString();
}

// A zip of one packed member, whose directory tells the true sizes.
std::string packedZip(const std::string& name, const std::string& pickled) {
  const std::string content = packed(pickled);
  const std::string common = little<std::uint16_t>(0) + little<std::uint16_t>(8) + little<std::uint32_t>(0x00210000) +
                             little(crc32(pickled)) + little(std::uint32_t(content.size())) +
                             little(std::uint32_t(pickled.size())) + little(std::uint16_t(name.size()));
  const std::string local = "PK\3\4" + little<std::uint16_t>(20) + common + little<std::uint16_t>(0) + name + content;
  const std::string directory = "PK\1\2" + little<std::uint16_t>(20) + little<std::uint16_t>(20) + common +
                                std::string(12, '\0') + little<std::uint32_t>(0) + name;
  return local + directory + "PK\5\6" + little<std::uint32_t>(0) + little<std::uint16_t>(1) + little<std::uint16_t>(1) +
         little(std::uint32_t(directory.size())) + little(std::uint32_t(local.size())) + little<std::uint16_t>(0);
}

std::string array(const std::string& shape, const std::string& values) {
  std::string text = "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }";
  text += std::string(127 - (text.size() + 10) % 128, ' ') + "\n";
  return "\x93NUMPY\x01" + std::string(1, '\0') + little(std::uint16_t(text.size())) + text + values;
}

std::string torch(const std::string& stream) {
  return torchZip(stream, {std::string(64, '\0')});
}

constexpr const char* tooMuch = "more memory than any checkpoint needs";

std::vector<Hostile> table() {
  using namespace pickle;
  const std::string store = storage("FloatStorage", "0", 16), one = tensor(store, 0, {16}, {1});
  const std::string megabyte(1 << 20, 'a');
  const std::string remembered = "X" + little(std::uint32_t(megabyte.size())) + megabyte + "q\x01" + "0";
  return {
      {"pickle of eight million lists", "lists.pt", tooMuch,
       [] { return torch("\x80\x02" + std::string(8 << 20, ']') + "."); }},
      {"pickle of four million references", "references.pt", tooMuch,
       [] { return torch("\x80\x02]q\x01" + repeated("h\x01", 4 << 20) + "."); }},
      {"pickle of three million marks", "marks.pt", tooMuch,
       [] { return torch("\x80\x02" + std::string(3 << 20, '(') + "."); }},
      {"one text copied ten thousand times", "copies.pt", tooMuch,
       [=] {
         return torch("\x80\x02" + remembered + "](" +
                      repeated(global("_codecs", "encode") + "h\x01" + "\x85R", 10000) + "e.");
       }},
      {"one text as the name of ten thousand classes", "classes.pt", tooMuch,
       [=] { return torch("\x80\x04" + remembered + "](" + repeated("h\x01h\x01\x93", 10000) + "e."); }},
      {"one list in ten thousand sets", "sets.pt", tooMuch,
       [=] {
         return torch("\x80\x02](" + std::string(100000, 'N') + "eq\x01" + "0](" +
                      repeated(global("__builtin__", "set") + "h\x01\x85R", 10000) + "e.");
       }},
      {"one key for ten thousand tensors", "keys.pt", "names more tensors",
       [=] { return torch("\x80\x02" + remembered + one + "q\x02" + "0}(" + repeated("h\x01h\x02", 10000) + "u."); }},
      {"one text ten thousand times in the configuration", "configuration.pt", "",
       [=] {
         return torch("\x80\x02" + remembered + "}(" + text("state_dict") + dict({{"t", one}}) +
                      text("hyper_parameters") + "](" + repeated("h\x01", 10000) + "eu.");
       }},
      {"lists within lists, doubled thirty times", "laughs.pt", "",
       [=] {
         // Each list holds the one before twice; all wait in the memo.
         std::string laughs = "]q\x01";
         laughs += "0";
         for (char i = 1; i <= 30; ++i) laughs += std::string("](h") + i + "h" + i + "eq" + char(i + 1) + "0";
         return torch("\x80\x02" + laughs + "}(" + text("state_dict") + dict({{"t", one}}) + text("hyper_parameters") +
                      "h\x1fu.");
       }},
      {"a list that holds itself", "circle.pt", "",
       [=] {
         return torch("\x80\x02}(" + text("state_dict") + dict({{"t", one}}) + text("hyper_parameters") +
                      "]q\x01h\x01" + "au.");
       }},
      {"a state_dict that holds itself", "dictcircle.pt", "",
       [=] { return torch("\x80\x02}q\x01(" + text("t") + one + text("again") + "h\x01u."); }},
      {"sixty megabytes packed into sixty kilobytes", "bomb.pt", "such a part may have",
       [] { return packedZip("archive/data.pkl", "\x80\x02" + std::string(60 << 20, 'N') + "."); }},
      {"ten megabytes of lists packed into ten kilobytes", "smallbomb.pt", tooMuch,
       [] { return packedZip("archive/data.pkl", "\x80\x02" + std::string(10 << 20, ']') + "."); }},
      {"a member that leads out", "out.pt", "leads out of the archive",
       [] {
         return zip({{"a/data.pkl", "x"}, {"a/../../etc/passwd", "x"}});
       }},
      {"a pickle above the archive", "above.pt", "leads out of the archive",
       [] {
         return zip({{"../data.pkl", "x"}});
       }},
      {"a member that is the folder above", "up.pt", "leads out of the archive",
       [] {
         return zip({{"a/data.pkl", "x"}, {"a/..", "x"}});
       }},
      {"an array that leads out", "out.npz", "leads out of the archive",
       [] {
         return zip({{"../a.npy", array("(2,)", "12345678")}});
       }},
      {"two members of one name", "members.pt", "two members named a/data/0",
       [] {
         return zip({{"a/data.pkl", "x"}, {"a/data/0", "x"}, {"a/data/0", "y"}});
       }},
      {"two arrays of one name", "arrays.npz", "two members named a.npy",
       [] {
         return zip({{"a.npy", array("(2,)", "12345678")}, {"a.npy", array("(2,)", "abcdefgh")}});
       }},
      {"sixty megabytes of zeros in an array of sixty kilobytes", "zeros.npz", "",
       [] { return packedZip("a.npy", array("(15728640,)", std::string(60 << 20, '\0'))); }},
      {"a shard that is another index", "model.safetensors.index.json", "is an index where a shard should be",
       [] { return std::string(R"({"weight_map": {"x": "model.safetensors.index.json"}})"); }},
      {"four billion members", "members.pt", "more than any checkpoint",
       [=] {
         std::string bytes = zip({{"a/data.pkl", "x"}}, {false, true, -1});
         const std::size_t end = bytes.find("PK\6\6");
         return bytes.replace(end + 24, 16, repeated(little<std::uint64_t>(0xfffffff0), 2));
       }},
      {"the same name twice", "twice.pt", "two tensors named t",
       [=] { return torch("\x80\x02}(" + text("t") + one + text("t") + one + "u."); }},
      {"a header that is a list of zeros", "zeros.safetensors", "more memory than the header",
       [] { return safetensorsWithHeader("{\"x\":[0" + repeated(",0", 4 << 20) + "]}", ""); }},
      {"a header of empty objects", "objects.safetensors", "more memory than the header",
       [] {
         std::string text = "{\"x\":{}";
         for (int i = 0; i < 500000; ++i) text += ",\"" + std::to_string(i) + "\":{}";
         return safetensorsWithHeader(text + "}", "");
       }},
      {"overlapping ranges", "overlap.safetensors", "overlap",
       [] {
         return safetensorsWithHeader(
             R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[8],"data_offsets":[4,12]}})",
             std::string(12, '\0'));
       }},
      {"a shape of more elements than bits", "shape.safetensors", "does not match its bytes",
       [] {
         return safetensorsWithHeader(R"({"a":{"dtype":"F4","shape":[1099511627776],"data_offsets":[0,8]}})",
                                      std::string(8, '\0'));
       }},
      {"an array of more values than bytes", "claims.npy", "needs more values than it holds",
       [] {
         std::string text = "{'descr': '<f8', 'fortran_order': True, 'shape': (999999999, 999999), }";
         text += std::string(127 - (text.size() + 10) % 128, ' ') + "\n";
         return "\x93NUMPY\x01" + std::string(1, '\0') + little(std::uint16_t(text.size())) + text +
                std::string(80, 'x');
       }},
  };
}

}  // namespace

class TestHostile : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void costsLittleMemory_data() {
    QTest::addColumn<int>("index");
    const auto cases = table();
    for (std::size_t i = 0; i < cases.size(); ++i) QTest::newRow(cases[i].title) << int(i);
  }
  void costsLittleMemory() {
    QFETCH(int, index);
    const Hostile hostile = table()[std::size_t(index)];
    QTemporaryDir folder;
    const std::string path = folder.filePath(hostile.file).toStdString();
    std::int64_t size = 0;
    {
      const std::string bytes = hostile.bytes();
      size = std::int64_t(bytes.size());
      save(folder.filePath(hostile.file), bytes);
    }
    std::string sentence;
    const std::int64_t before = taken;
    most = before;
    try {
      const auto checkpoint = Checkpoint::open(path);
      QVERIFY(!checkpoint->tensors().tensors().empty());
      (void)checkpoint->tensors().metadata().dump();
    } catch (const Error& error) {
      QVERIFY(error.kind() == ErrorKind::input);
      sentence = error.what();
    }
    const std::int64_t peak = most - before;
    QVERIFY2(peak <= 2 * size + (std::int64_t(64) << 20),
             qPrintable(QString("%1 bytes for a file of %2").arg(peak).arg(size)));
    if (hostile.says.empty()) {
      QVERIFY2(sentence.empty(), sentence.c_str());
      return;
    }
    QVERIFY2(sentence.find(hostile.says) != std::string::npos, sentence.c_str());
    QVERIFY2(sentence.find(hostile.file) != std::string::npos, sentence.c_str());
    QVERIFY2(sentence.ends_with(".") && sentence.find('\n') == std::string::npos && sentence.size() < 400,
             sentence.c_str());
  }

  // Weights that are no numbers are shown for what they are, and not fitted.
  void valuesThatAreNoNumbers_data() {
    QTest::addColumn<float>("value");
    QTest::newRow("NaN") << std::nanf("");
    QTest::newRow("infinite") << HUGE_VALF;
  }
  void valuesThatAreNoNumbers() {
    QFETCH(float, value);
    QTemporaryDir folder;
    std::vector<float> taps(40, 0.5f);
    taps[25] = value;
    save(folder.filePath("odd.safetensors"), safetensors({floats("filters.a", {2, 20}, taps)}));
    const auto checkpoint = Checkpoint::open(folder.filePath("odd.safetensors").toStdString());
    QVERIFY(statistics(checkpoint->filter({0, 0})->taps).finite);
    QVERIFY(!statistics(checkpoint->filter({0, 1})->taps).finite);
    QVERIFY(!std::isfinite(checkpoint->filter({0, 1})->taps[5]));
    try {
      (void)distil(*checkpoint, {.order = 2});
      QFAIL("fitted");
    } catch (const Error& error) {
      QVERIFY(error.kind() == ErrorKind::numerical);
      QVERIFY2(QString(error.what()).contains("not finite"), error.what());
    }
    QCOMPARE(distil(*checkpoint, {.order = 2, .filters = {{0, 0}}}).banks[0].filters[0]->model.order() <= 2, true);
  }
};

QTEST_GUILESS_MAIN(TestHostile)
#include "test_hostile.moc"
