// Banks of filters without a model around them, in NumPy, HDF5 and tensor files, and files cut into pieces.
#include <QTemporaryDir>
#include <QtTest>
#include <cmath>
#include <nlohmann/json.hpp>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/error.h"
#include "tests/analysis/tensorwriters.h"

using namespace analysis;
using writers::floats;
using writers::randomNumbers;

namespace {

std::string npy(const std::string& type, bool fortran, const std::string& shape, const std::string& values,
                int version = 1) {
  std::string header =
      "{'descr': '" + type + "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': " + shape + ", }";
  header += std::string(63 - (header.size() + (version == 1 ? 10 : 12)) % 64, ' ') + "\n";
  const std::string length =
      version == 1 ? writers::little(std::uint16_t(header.size())) : writers::little(std::uint32_t(header.size()));
  return "\x93NUMPY" + std::string(1, char(version)) + std::string(1, '\0') + length + header + values;
}

}  // namespace

class TestBanks : public QObject {
  Q_OBJECT
 private slots:
  void readsNumpy_data();
  void readsNumpy();
  void refusesNumpy_data();
  void refusesNumpy();
  void readsNpz();
  void readsReferenceFiles();
  void readsOwnExports();
  void choosesTheTimeAxis();
  void readsOwnHdf5();
  void readsForeignHdf5();
  void readsPieces();
  void refusesByName();

 private:
  std::shared_ptr<const Checkpoint> opened(const char* name, const std::string& bytes, const Choices& choices = {}) {
    writers::save(folder.filePath(name), bytes);
    return Checkpoint::open(folder.filePath(name).toStdString(), {}, choices);
  }
  QTemporaryDir folder;
};

void TestBanks::readsNumpy_data() {
  QTest::addColumn<QByteArray>("bytes");
  const std::vector<float> taps = randomNumbers(3 * 20, 1);
  std::vector<float> columns(taps.size());
  std::vector<double> wide(taps.begin(), taps.end());
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t n = 0; n < 20; ++n) columns[n * 3 + c] = taps[c * 20 + n];
  }
  std::string turned = writers::bytesOf(taps);
  for (std::size_t i = 0; i < turned.size(); i += 4)
    std::reverse(turned.begin() + long(i), turned.begin() + long(i) + 4);
  std::string complex;
  for (const float tap : taps) complex += writers::little(tap) + writers::little(0.f);
  const auto row = [](const char* title, const std::string& b) {
    QTest::newRow(title) << QByteArray(b.data(), qsizetype(b.size()));
  };
  row("C order", npy("<f4", false, "(3, 20)", writers::bytesOf(taps)));
  row("Fortran order", npy("<f4", true, "(3, 20)", writers::bytesOf(columns)));
  row("time first", npy("<f4", false, "(20, 3)", writers::bytesOf(columns)));
  row("time first, Fortran order", npy("<f4", true, "(20, 3)", writers::bytesOf(taps)));
  row("big-endian", npy(">f4", false, "(3, 20)", turned));
  row("float64, version 2", npy("<f8", false, "(3, 20)", writers::bytesOf(wide), 2));
  row("singleton axis", npy("<f4", false, "(3, 1, 20)", writers::bytesOf(taps)));
  row("complex without imaginary parts", npy("<c8", false, "(3, 20)", complex));
}

void TestBanks::readsNumpy() {
  QFETCH(QByteArray, bytes);
  const auto bank = opened("bank.npy", bytes.toStdString());
  const std::vector<float> taps = randomNumbers(3 * 20, 1);
  QCOMPARE(bank->filterCount(), 3);
  QCOMPARE(bank->report().family, std::string("Filter bank"));
  for (int c = 0; c < 3; ++c) {
    const auto filter = bank->filter({0, c});
    QCOMPARE(filter->taps, std::vector<double>(taps.begin() + 20 * c, taps.begin() + 20 * c + 20));
    QCOMPARE(filter->skip, 0.);
  }
  QVERIFY(bank->languageModel() == nullptr);
}

void TestBanks::refusesNumpy_data() {
  QTest::addColumn<QByteArray>("bytes");
  QTest::addColumn<QString>("says");
  const auto row = [](const char* title, const std::string& b, const char* says) {
    QTest::newRow(title) << QByteArray(b.data(), qsizetype(b.size())) << says;
  };
  const std::string values(80, '\0');
  row("objects", npy("|O", false, "(20,)", values), "type |O");
  row("structured", npy("<f4', ('x'", false, "(20,)", values), "structured or damaged");
  row("more than it holds", npy("<f4", false, "(21,)", values), "more values than it holds");
  row("absurd shape", npy("<f4", false, "(999999999999999999, 999999999999999999)", values),
      "more values than it holds");
  row("endless digits", npy("<f4", false, "(" + std::string(50, '9') + ",)", values), "structured or damaged");
  row("negative shape", npy("<f4", false, "(-1,)", values), "structured or damaged");
  row("header beyond the file", npy("<f4", false, "(20,)", values).substr(0, 40), "longer than the file");
  row("too short", std::string("\x93NUMPY\x01", 7), "too short");
  row("version 9", npy("<f4", false, "(20,)", values, 9), "unknown version");
  row("imaginary",
      npy("<c8", false, "(16,)",
          [] {
            std::string all;
            for (int i = 0; i < 32; ++i) all += writers::little(1.f);
            return all;
          }()),
      "is complex");
}

void TestBanks::refusesNumpy() {
  QFETCH(QByteArray, bytes);
  QFETCH(QString, says);
  try {
    (void)opened("bad.npy", bytes.toStdString())->filter({0, 0});
    QFAIL("accepted");
  } catch (const Error& error) {
    QVERIFY2(QString(error.what()).contains(says), error.what());
  }
}

void TestBanks::readsNpz() {
  const std::vector<float> taps = randomNumbers(2 * 16, 2);
  for (const bool deflate : {false, true}) {
    const auto bank = opened(
        "bank.npz", writers::zip({{"b.npy", npy("<f4", false, "(16,)",
                                                writers::bytesOf(std::vector<float>(taps.begin(), taps.begin() + 16)))},
                                  {"a.npy", npy("<f4", false, "(2, 16)", writers::bytesOf(taps))}},
                                 {deflate, false, -1}));
    QCOMPARE(bank->filterCount(), 3);
    QCOMPARE(bank->banks()[0].path, std::string("a"));
    QCOMPARE(bank->filter({0, 1})->taps[3], double(taps[19]));
    QCOMPARE(bank->filter({1, 0})->taps[3], double(taps[3]));
    QCOMPARE(bank->filterName({1, 0}), std::string("1.0"));
  }
}

void TestBanks::readsReferenceFiles() {
  const auto bank = Checkpoint::open(POLECAT_TEST_DATA "/novels-multihyena-1m.filters.safetensors");
  QCOMPARE(int(bank->banks().size()), 6);
  QCOMPARE(bank->banks()[3].path, std::string("layers.1.model2.filter"));
  QCOMPARE(bank->filterName({3, 5}), std::string("1.1.5"));
  const std::vector<double> all = bank->tensors().doubles("filters.layers.1.model2.filter");
  QCOMPARE(bank->filter({3, 5})->taps, std::vector<double>(all.begin() + 5 * 1024, all.begin() + 6 * 1024));
}

// Two channels of order 2 and 1, one left as it was; by pairs and by a real pole.
void TestBanks::readsOwnExports() {
  const std::vector<double> poles{0.6, 0.5, 0.6, -0.5, 0.9, 0, 0, 0, 0, 0, 0, 0};
  const std::vector<double> residues{0.3, 0.1, 0.3, -0.1, -0.7, 0, 0, 0, 0, 0, 0, 0};
  const auto doubles = [](const char* name, const std::vector<std::int64_t>& shape, const std::vector<double>& values) {
    return writers::Tensor{name, "F64", shape, writers::bytesOf(values)};
  };
  const std::vector<writers::Tensor> tables{
      doubles("layers.0.x.poles", {3, 2, 2}, poles),
      doubles("layers.0.x.residues", {3, 2, 2}, residues),
      doubles("layers.0.x.feedthrough", {3}, {0.25, -1, 0}),
      doubles("layers.0.x.skip", {3}, {2, 3, 4}),
      doubles("layers.0.x.error", {3}, {0, 0, 0}),
      {"layers.0.x.order", "I32", {3}, writers::bytesOf<std::int32_t>({2, 1, -1})}};
  const auto bank =
      opened("x.safetensors", writers::safetensors(tables, {{"format", "polecat-statespace"}, {"length", "30"}}));
  QCOMPARE(bank->report().family, std::string("Distilled models"));
  QVERIFY(bank->report().extra.empty());
  const auto pair = bank->filter({0, 0}), real = bank->filter({0, 1});
  QCOMPARE(pair->taps[0], 0.25);
  QCOMPARE(real->skip, 3.);
  for (int t = 1; t < 30; ++t) {
    const double angle = std::atan2(0.5, 0.6), radius = std::hypot(0.6, 0.5);
    const double wanted =
        2 * std::pow(radius, t - 1) * (0.3 * std::cos(angle * (t - 1)) - 0.1 * std::sin(angle * (t - 1)));
    QVERIFY(std::abs(pair->taps[std::size_t(t)] - wanted) < 1e-14);
    QVERIFY(std::abs(real->taps[std::size_t(t)] + 0.7 * std::pow(0.9, t - 1)) < 1e-14);
    QCOMPARE(bank->filter({0, 2})->taps[std::size_t(t)], 0.);
  }
  const auto unsaid = [&] {
    (void)opened("y.safetensors", writers::safetensors(tables, {{"format", "polecat-statespace"}}));
  };
  QVERIFY_THROWS_EXCEPTION(Error, unsaid());
}

void TestBanks::choosesTheTimeAxis() {
  const std::vector<float> taps = randomNumbers(16 * 20, 3);
  const std::string file = npy("<f4", false, "(16, 20)", writers::bytesOf(taps));
  QCOMPARE(opened("a.npy", file)->banks()[0].channels, 16);
  const auto first = opened("b.npy", file, {{"time axis", "first"}});
  QCOMPARE(first->banks()[0].channels, 20);
  QCOMPARE(first->filter({0, 3})->taps[2], double(taps[43]));
}

// The layout of our own exports of taps: filters/<bank>/h and skip, with includes_skip. tests/data/bank.h5 was made by
// h5py: h[c][n] = (c + 1) / (n + 1), skip 0.5 and -2, included in the bank "layers.1.x".
void TestBanks::readsOwnHdf5() {
  const auto bank = Checkpoint::open(POLECAT_TEST_DATA "/bank.h5");
  QCOMPARE(int(bank->banks().size()), 2);
  QCOMPARE(bank->banks()[1].path, std::string("layers.1.x"));
  QCOMPARE(bank->filterName({1, 1}), std::string("1.1"));
  for (int b = 0; b < 2; ++b) {
    for (int c = 0; c < 2; ++c) {
      const auto filter = bank->filter({b, c});
      QCOMPARE(filter->taps.size(), std::size_t(24));
      const double skip = c == 0 ? 0.5 : -2;
      QCOMPARE(filter->skip, skip);
      for (int n = 0; n < 24; ++n) {
        const double wanted = (c + 1) / (n + 1.) - (b == 1 && n == 0 ? skip : 0);
        QVERIFY(std::abs(filter->taps[std::size_t(n)] - wanted) < 1e-7);  // stored as float32
      }
    }
  }
  QCOMPARE(bank->tensors().metadata().at("format").get<std::string>(), std::string("polecat-bank"));

  // An attribute of the file that is named like the list of its groups' attributes.
  QFile plain(POLECAT_TEST_DATA "/bank.h5");
  QVERIFY(plain.open(QIODevice::ReadOnly));
  QByteArray renamed = plain.readAll();
  const qsizetype at = renamed.indexOf(QByteArray("format", 7));
  QVERIFY(at > 0);
  renamed.replace(at, 6, "groups");
  const auto same = opened("groups.h5", renamed.toStdString());
  QCOMPARE(same->filterCount(), 4);
  QCOMPARE(same->filter({1, 1})->taps, bank->filter({1, 1})->taps);
  QVERIFY(!same->tensors().metadata().contains("format"));
}

void TestBanks::readsForeignHdf5() {
  // HDF5 may lie behind a block of the user's own.
  QFile plain(POLECAT_TEST_DATA "/bank.h5");
  QVERIFY(plain.open(QIODevice::ReadOnly));
  const auto behind = opened("behind.h5", std::string(512, '#') + plain.readAll().toStdString());
  QCOMPARE(behind->filterCount(), 4);
  const auto bank = Checkpoint::open(POLECAT_TEST_DATA "/foreign.h5");
  QCOMPARE(bank->filterCount(), 4);  // [40, 3] compressed, and [17] of integers; text, external and short data left out
  for (int n = 0; n < 40; ++n) QCOMPARE(bank->filter({0, 2})->taps[std::size_t(n)], 3. * n + 2);
  for (int n = 0; n < 17; ++n) QCOMPARE(bank->filter({1, 0})->taps[std::size_t(n)], double(n * n));
}

void TestBanks::readsPieces() {
  const std::vector<float> numbers = randomNumbers(64, 5);
  const std::string whole = writers::torchFile({floats("bank", {2, 32}, numbers)});
  for (int i = 0; i < 3; ++i) {
    writers::save(folder.filePath("w.pt.part" + QString::number(i)),
                  whole.substr(std::size_t(i) * 200, i == 2 ? std::string::npos : 200));
  }
  for (const char* name : {"w.pt.part0", "w.pt.part2"}) {
    const auto bank = Checkpoint::open(folder.filePath(name).toStdString());
    QCOMPARE(bank->filter({0, 1})->taps[31], double(numbers[63]));
    QCOMPARE(bank->tensors().parts().size(), std::size_t(3));
  }
  QVERIFY(QFile::remove(folder.filePath("w.pt.part1")));
  QVERIFY_THROWS_EXCEPTION(Error, (void)Checkpoint::open(folder.filePath("w.pt.part2").toStdString()));
  QVERIFY_THROWS_EXCEPTION(Error, (void)Checkpoint::open(folder.filePath("w.pt.part0").toStdString()));
}

void TestBanks::refusesByName() {
  const std::string training =
      writers::torchFile({floats("sequential.2.mixer.mixer.filter.p", {2, 20}, randomNumbers(40, 1))});
  try {
    (void)opened("savanna.pt", training);
    QFAIL("accepted");
  } catch (const Error& error) {
    QVERIFY(QString(error.what()).contains("savanna"));
  }
  const auto noNumber = [&] {
    (void)opened("x.npy", npy("<f4", false, "(20,)", std::string(80, '\0')), {{"time axis", "sideways"}});
  };
  QVERIFY_THROWS_EXCEPTION(Error, noNumber());
}

QTEST_GUILESS_MAIN(TestBanks)
#include "test_banks.moc"
