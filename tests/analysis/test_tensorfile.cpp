// Reading what writers of the tests' own wrote: every type, layout and container.
#include <QTemporaryDir>
#include <QtTest>
#include <atomic>
#include <cmath>
#include <complex>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/error.h"
#include "analysis/tensors/tensorfile.h"
#include "tests/analysis/tensorwriters.h"

using namespace analysis;
namespace pickle = writers::pickle;
using writers::little;

class TestTensorFile : public QObject {
  Q_OBJECT
 private slots:
  void readsEveryType_data();
  void readsEveryType();
  void listsTypesItCannotRead();
  void readsEightBitFloats();
  void noticesReplacedFiles();
  void keepsMetadata();
  void readsConfigurationBesideTheFile();
  void honoursOffsetsAndStrides();
  void readsContainers_data();
  void readsContainers();
  void swapsBigEndian();
  void readsUntypedStorages();
  void shardsAndZipAgree();
  void reportsTensorsOutsideTheIndex();
  void readsFromManyThreads();

 private:
  std::shared_ptr<const TensorFile> opened(const char* name, const std::string& bytes) {
    const QString path = folder.filePath(name);
    writers::save(path, bytes);
    return openTensorFile(path.toStdString());
  }
  QTemporaryDir folder;
};

void TestTensorFile::readsEveryType_data() {
  QTest::addColumn<QString>("type");
  QTest::addColumn<QByteArray>("bytes");
  QTest::addColumn<QVector<double>>("values");
  const auto row = [](const char* type, const std::string& bytes, const QVector<double>& values) {
    QTest::newRow(type) << QString(type) << QByteArray(bytes.data(), qsizetype(bytes.size())) << values;
  };
  const double inf = std::numeric_limits<double>::infinity();
  row("F64", little(0.1) + little(-2.5), {0.1, -2.5});
  row("F32", little(0.1f) + little(-2.5f), {double(0.1f), -2.5});
  // 1, -2, smallest subnormal 2^-24, largest 65504, infinity, largest subnormal
  row("F16", writers::bytesOf<std::uint16_t>({0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00, 0x83ff}),
      {1, -2, std::ldexp(1., -24), 65504, inf, -std::ldexp(1023., -24)});
  row("BF16", writers::bytesOf<std::uint16_t>({0x3f80, 0xc040, 0x0080}), {1, -3, std::ldexp(1., -126)});
  row("I64", little<std::int64_t>(-5) + little<std::int64_t>(std::int64_t(1) << 40), {-5, 1099511627776.});
  row("I32", little<std::int32_t>(-70000), {-70000});
  row("I16", little<std::int16_t>(-300), {-300});
  row("I8", "\xff\x7f", {-1, 127});
  row("U8", "\xff\x7f", {255, 127});
  row("BOOL", std::string("\x01\x00", 2), {1, 0});
  row("C64", little(1.5f) + little(0.f) + little(-2.f) + little(0.f), {1.5, -2});
}

void TestTensorFile::readsEveryType() {
  QFETCH(QString, type);
  QFETCH(QByteArray, bytes);
  QFETCH(QVector<double>, values);
  // One odd byte in front, so that nothing is aligned.
  const auto file = opened(
      "types.safetensors",
      writers::safetensors({{"a", "U8", {1}, "x"}, {"t", type.toStdString(), {values.size()}, bytes.toStdString()}}));
  const std::vector<double> read = file->doubles("t");
  QCOMPARE(QVector<double>(read.begin(), read.end()), values);
  QCOMPARE(double(file->floats("t").back()), double(float(values.back())));
  double last = 0;
  file->read(*file->find("t"), std::uint64_t(values.size()) - 1, std::span(&last, 1));
  QCOMPARE(last, values.back());
  QVERIFY_THROWS_EXCEPTION(Error, file->read(*file->find("t"), std::uint64_t(values.size()), std::span(&last, 1)));
  QVERIFY_THROWS_EXCEPTION(Error, (void)file->doubles("absent"));
}

void TestTensorFile::listsTypesItCannotRead() {
  const auto file =
      opened("f8.safetensors", writers::safetensors({{"four", "F4", {4}, "ab"},
                                                     {"six", "F6_E2M3", {4}, "abc"},
                                                     {"complex", "C64", {1}, little(1.f) + little(2.f)}}));
  QCOMPARE(file->tensors().size(), std::size_t(3));
  QCOMPARE(file->find("six")->typeName, std::string("F6_E2M3"));
  for (const char* name : {"four", "six", "complex"}) {
    QVERIFY_THROWS_EXCEPTION(Error, (void)file->doubles(name));
  }
  QCOMPARE(file->complexes("complex"), (std::vector<std::complex<double>>{{1, 2}}));
}

// Landmarks of each format as its definition gives them: 1, the largest, the smallest subnormal, -1, what is not
// finite.
void TestTensorFile::readsEightBitFloats() {
  const double nan = std::nan("");
  const auto bytes = [](std::initializer_list<int> codes) {
    std::string text;
    for (const int code : codes) text += char(code);
    return text;
  };
  const auto file =
      opened("f8.safetensors",
             writers::safetensors({{"a", "F8_E4M3", {5}, bytes({0x38, 0x7e, 0x01, 0xb8, 0xff})},
                                   {"b", "F8_E5M2", {6}, bytes({0x3c, 0x7b, 0x01, 0xbc, 0x7d, 0xfc})},
                                   {"c", "F8_E4M3FNUZ", {5}, bytes({0x40, 0x7f, 0x01, 0xc0, 0x80})},
                                   {"d", "F8_E5M2FNUZ", {5}, bytes({0x40, 0x7f, 0x01, 0xc0, 0x80})},
                                   {"e", "F8_E8M0", {4}, bytes({127, 254, 0, 255})},
                                   {"u2", "U16", {2}, little<std::uint16_t>(65535) + little<std::uint16_t>(7)},
                                   {"u4", "U32", {1}, little<std::uint32_t>(4294967295u)},
                                   {"u8", "U64", {1}, little<std::uint64_t>(std::uint64_t(1) << 63)}}));
  const auto same = [&](const char* name, const std::vector<double>& wanted) {
    const std::vector<double> found = file->doubles(name);
    if (found.size() != wanted.size()) return false;
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (std::isnan(wanted[i]) ? !std::isnan(found[i]) : found[i] != wanted[i]) return false;
    }
    return true;
  };
  QVERIFY(same("a", {1, 448, std::ldexp(1, -9), -1, nan}));
  QVERIFY(same("b", {1, 57344, std::ldexp(1, -16), -1, nan, -INFINITY}));
  QVERIFY(same("c", {1, 240, std::ldexp(1, -10), -1, nan}));
  QVERIFY(same("d", {1, 57344, std::ldexp(1, -17), -1, nan}));
  QVERIFY(same("e", {1, std::ldexp(1, 127), std::ldexp(1, -127), nan}));
  QVERIFY(same("u2", {65535, 7}));
  QVERIFY(same("u4", {4294967295.}));
  QVERIFY(same("u8", {std::ldexp(1, 63)}));
}

// A file that is replaced as a whole goes on being read as it was; one that is written over is not read any more. Both
// are noticed.
void TestTensorFile::noticesReplacedFiles() {
  const QTemporaryDir own;
  const QString path = own.filePath("r.safetensors");
  const auto bytes = [](float value) { return writers::safetensors({writers::floats("x", {3}, {value, 1, 2})}); };
  writers::save(path, bytes(5));
  const auto first = openTensorFile(path.toStdString());
  QVERIFY(!first->changedPart());
  writers::save(path + ".new", bytes(6));
  QCOMPARE(::rename(qPrintable(path + ".new"), qPrintable(path)), 0);
  QCOMPARE(first->changedPart()->string(), path.toStdString());
  QCOMPARE(first->doubles("x").front(), 5.);
  const auto second = openTensorFile(path.toStdString());
  QVERIFY(!second->changedPart());
  QTest::qWait(20);  // beyond the grain of the file system's clock
  writers::save(path, bytes(7));
  QVERIFY(second->changedPart().has_value());
  QVERIFY_THROWS_EXCEPTION(Error, (void)second->doubles("x"));
  QVERIFY(QFile::remove(path));
  QVERIFY(second->changedPart().has_value());
}

void TestTensorFile::keepsMetadata() {
  const auto file =
      opened("meta.safetensors",
             writers::safetensors({{"s", "F32", {}, little(7.f)}, {"none", "F32", {0, 3}, ""}}, {{"format", "pt"}}));
  QCOMPARE(file->metadata().at("format").get<std::string>(), std::string("pt"));
  QCOMPARE(file->doubles("s"), std::vector<double>{7});
  QVERIFY(file->doubles("none").empty());
  QCOMPARE(file->formatName(), std::string("safetensors"));
}

void TestTensorFile::readsConfigurationBesideTheFile() {
  QTemporaryDir place;
  writers::save(place.filePath("config.json"), R"({"d_model": 12})");
  writers::save(place.filePath("m.safetensors"), writers::safetensors({writers::floats("a", {1}, {1})}));
  const auto file = openTensorFile(place.filePath("m.safetensors").toStdString());
  QCOMPARE(file->metadata().at("config").at("d_model").get<int>(), 12);
  QCOMPARE(file->parts().size(), std::size_t(1));
  writers::save(place.filePath("config.json"), "{\"a\": 1,, }");
  const auto odd = openTensorFile(place.filePath("m.safetensors").toStdString());
  QVERIFY(!odd->metadata().contains("config"));
  QCOMPARE(odd->remarks().size(), std::size_t(1));
}

void TestTensorFile::honoursOffsetsAndStrides() {
  const std::vector<float> numbers{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const std::string store = pickle::storage("FloatStorage", "0", 12);
  const std::string top = pickle::dict({{"whole", pickle::tensor(store, 0, {3, 4}, {4, 1})},
                                        {"tail", pickle::tensor(store, 8, {4}, {1})},
                                        {"turned", pickle::tensor(store, 0, {4, 3}, {1, 4})},
                                        {"column", pickle::tensor(store, 1, {3}, {4})},
                                        {"repeated", pickle::tensor(store, 2, {2, 3}, {0, 1})},
                                        {"scalar", pickle::tensor(store, 11, {}, {})},
                                        {"again", pickle::tensor(store, 0, {3, 4}, {4, 1})},
                                        {"nothing", pickle::tensor(store, 0, {48, 1, 0}, {1, 1, 1})}});
  const auto file = opened("strides.pt", writers::torchZip(pickle::stream(top), {writers::bytesOf(numbers)}));
  using Values = std::vector<double>;
  QCOMPARE(file->doubles("tail"), (Values{8, 9, 10, 11}));
  QCOMPARE(file->doubles("turned"), (Values{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}));
  QCOMPARE(file->doubles("column"), (Values{1, 5, 9}));
  QCOMPARE(file->doubles("repeated"), (Values{2, 3, 4, 2, 3, 4}));
  QCOMPARE(file->doubles("scalar"), (Values{11}));
  QVERIFY(file->doubles("nothing").empty());
  Values part(4);
  file->read(*file->find("turned"), 2, std::span(part));
  QCOMPARE(part, (Values{8, 1, 5, 9}));
  QCOMPARE(file->find("whole")->storage, file->find("again")->storage);
  QVERIFY(file->find("whole")->storage != file->find("tail")->storage);
}

void TestTensorFile::readsContainers_data() {
  QTest::addColumn<bool>("deflate");
  QTest::addColumn<bool>("zip64");
  QTest::newRow("stored") << false << false;
  QTest::newRow("deflated") << true << false;
  QTest::newRow("Zip64") << false << true;
}

void TestTensorFile::readsContainers() {
  QFETCH(bool, deflate);
  QFETCH(bool, zip64);
  std::vector<float> numbers(70000);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = float(i);
  const auto file =
      opened("container.pt", writers::torchFile({writers::floats("big", {70000}, numbers)}, {}, {deflate, zip64, -1}));
  QCOMPARE(file->floats("big"), numbers);
  std::vector<double> part(3);
  file->read(*file->find("big"), 69000, std::span(part));
  QCOMPARE(part, (std::vector<double>{69000, 69001, 69002}));
}

void TestTensorFile::swapsBigEndian() {
  std::string turned = little(1.5f) + little(-2.f);
  std::reverse(turned.begin(), turned.begin() + 4);
  std::reverse(turned.begin() + 4, turned.end());
  const std::string top = pickle::dict({{"t", pickle::tensor(pickle::storage("FloatStorage", "0", 2), 0, {2}, {1})}});
  const auto file = opened("big.pt", writers::torchZip(pickle::stream(top), {turned}, {}, "big"));
  QCOMPARE(file->doubles("t"), (std::vector<double>{1.5, -2}));
}

void TestTensorFile::readsUntypedStorages() {
  const std::string store = pickle::tuple({pickle::text("storage"), pickle::global("torch.storage", "UntypedStorage"),
                                           pickle::text("0"), pickle::text("cuda:0"), pickle::integer(6)}) +
                            "Q";
  const std::string rebuilt = pickle::call(
      "torch._utils", "_rebuild_tensor_v3",
      pickle::tuple({store, pickle::integer(1), pickle::integers({2}), pickle::integers({1}), "\x89",
                     pickle::call("collections", "OrderedDict", ")"), pickle::global("torch", "bfloat16")}));
  const std::string parameter =
      pickle::call("torch._utils", "_rebuild_parameter", pickle::tuple({rebuilt, "\x88", ")"}));
  const auto file = opened("v3.pt", writers::torchZip(pickle::stream(pickle::dict({{"p", parameter}})),
                                                      {writers::bytesOf<std::uint16_t>({0, 0x3f80, 0xc040})}));
  QCOMPARE(file->doubles("p"), (std::vector<double>{1, -3}));
}

// The sample's own weights, written as three shards: same numbers by index, by any shard and by folder.
void TestTensorFile::shardsAndZipAgree() {
  const auto sample = Checkpoint::open(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt");
  std::array<std::vector<writers::Tensor>, 3> shards;
  nlohmann::json index{{"metadata", {{"total_size", 0}}}, {"weight_map", nlohmann::json::object()}};
  const auto shardName = [](std::size_t i) { return "model-0000" + std::to_string(i + 1) + "-of-00003.safetensors"; };
  std::size_t next = 0;
  for (const TensorInfo& info : sample->tensors().tensors()) {
    shards[next % 3].push_back(writers::floats(info.name, info.shape, sample->tensors().floats(info.name)));
    index["weight_map"][info.name] = shardName(next++ % 3);
  }
  QTemporaryDir place;
  for (std::size_t i = 0; i < 3; ++i) {
    writers::save(place.filePath(QString::fromStdString(shardName(i))), writers::safetensors(shards[i]));
  }
  writers::save(place.filePath("model.safetensors.index.json"), index.dump());
  for (const char* way : {"model.safetensors.index.json", "model-00002-of-00003.safetensors", ""}) {
    const auto sharded = Checkpoint::open(place.filePath(way).toStdString());
    QCOMPARE(sharded->tensors().formatName(), std::string("safetensors, 3 shards"));
    QCOMPARE(sharded->tensors().parts().size(), std::size_t(4));
    QCOMPARE(sharded->filterCount(), sample->filterCount());
    for (int b = 0; b < 4; ++b) {
      for (int c = 0; c < 128; c += 9) {
        QCOMPARE(sharded->filter({b, c})->taps, sample->filter({b, c})->taps);
        QCOMPARE(sharded->filter({b, c})->skip, sample->filter({b, c})->skip);
      }
    }
    const char* weight = "layers.1.mlp.fc2.weight";
    QCOMPARE(sharded->weights(weight), sample->weights(weight));
    QVERIFY(sharded->languageModel() != nullptr && sharded->languageModel()->tiedHead);
    QVERIFY(sharded->sha256() != sample->sha256());
  }
}

void TestTensorFile::reportsTensorsOutsideTheIndex() {
  QTemporaryDir place;
  writers::save(place.filePath("a.safetensors"),
                writers::safetensors({writers::floats("in", {1}, {1}), writers::floats("out", {1}, {2})}));
  writers::save(place.filePath("x.safetensors.index.json"), R"({"weight_map": {"in": "a.safetensors"}})");
  const auto file = openTensorFile(place.filePath("x.safetensors.index.json").toStdString());
  QCOMPARE(file->tensors().size(), std::size_t(1));
  QCOMPARE(file->remarks().size(), std::size_t(1));
}

void TestTensorFile::readsFromManyThreads() {
  const auto file = openTensorFile(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt");
  const std::string name = "model.backbone.layers.0.mlp.fc1.weight";
  const std::vector<float> wanted = file->floats(name);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) wrong += file->floats(name) != wanted;
    });
  }
  for (std::thread& thread : threads) thread.join();
  QCOMPARE(wrong.load(), 0);
}

QTEST_GUILESS_MAIN(TestTensorFile)
#include "test_tensorfile.moc"
