#include <QFile>
#include <QTemporaryDir>
#include <QTest>
#include <cmath>
#include <nlohmann/json.hpp>

#include "analysis/error.h"
#include "analysis/reduction/distilled.h"
#include "analysis/tensors/tensorfile.h"
#include "tests/analysis/distilledhelpers.h"

using namespace analysis;
using distilledhelpers::same;
using distilledhelpers::sample;

namespace {

Distilled example() {
  DistilledFilter full;
  full.model.feedthrough = 0.1;
  full.model.modes = {{{-1e-9, 3.0}, {1.0 / 3, -2.0 / 7}, true},
                      {{-0.1, 0.7}, {1e-300, 5}, true},
                      {{-0.01, 0.0}, -0.25, false},
                      {{-0.2, 3.14159265358979323846}, 0.5, false}};
  full.skip = -1.5;
  full.errorRelative = 0.01;
  full.certificate = std::nan("");
  DistilledFilter plain;  // the feedthrough alone
  plain.model.feedthrough = 7;
  Distilled distilled;
  distilled.banks = {{"layers.10.mixer", {full, std::nullopt, plain}}, {"layers.2.mixer", {std::nullopt, full}}};
  distilled.metadata = {{"method", "test"}, {"plan", "{\"order\":6}"}, {"empty", ""}, {"name", "Łódź"}};
  return distilled;
}

QByteArray bytes(const QString& path) {
  QFile file(path);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

void save(const QString& path, const QByteArray& content) {
  QFile file(path);
  QVERIFY(file.open(QIODevice::WriteOnly) && file.write(content) == content.size());
}

}  // namespace

class TestDistilled : public QObject {
  Q_OBJECT

  QTemporaryDir folder;
  std::filesystem::path at(const QString& name) const { return folder.filePath(name).toStdString(); }

 private Q_SLOTS:
  void countsStates() {
    QCOMPARE(example().states(), 12LL);
    QCOMPARE(Distilled{}.states(), 0LL);
  }

  void sameBitsAfterReading_data() {
    QTest::addColumn<QString>("file");
    QTest::newRow("safetensors") << "models.safetensors";
    QTest::newRow("HDF5") << "models.h5";
  }
  void sameBitsAfterReading() {
    QFETCH(QString, file);
    writeDistilled(example(), at(file));
    const auto read = readDistilled(at(file));
    QVERIFY(same(read, example()));
    for (const auto& [key, value] : example().metadata) QCOMPARE(read.metadata.at(key), value);
    QCOMPARE(read.metadata.at("format"), std::string("polecat-statespace"));
    QCOMPARE(read.metadata.at("order_counts"), std::string("real states"));
    // Writing again gives the same file, byte for byte; nothing unfinished stays behind.
    const auto first = bytes(folder.filePath(file));
    writeDistilled(read, at(file));
    QCOMPARE(bytes(folder.filePath(file)), first);
    QVERIFY(!QFile::exists(folder.filePath(file + ".part")));
  }

  // The file's own numbers, read by another reader, give the impulse response by the formula of the schema.
  void safetensorsHoldTheSchema() {
    writeDistilled(example(), at("schema.safetensors"));
    const auto file = openTensorFile(at("schema.safetensors"));
    const std::string p = "layers.10.mixer.";
    QCOMPARE(file->find(p + "poles")->shape, (std::vector<std::int64_t>{3, 6, 2}));
    QCOMPARE(file->find(p + "poles")->type, DataType::f64);
    QCOMPARE(file->find(p + "order")->type, DataType::i32);
    QCOMPARE(file->doubles(p + "order"), (std::vector<double>{6, -1, 0}));
    QCOMPARE(file->doubles(p + "feedthrough"), (std::vector<double>{0.1, 0, 7}));
    QCOMPARE(file->doubles(p + "skip")[0], -1.5);
    QVERIFY(std::isnan(file->doubles(p + "certificate")[0]));
    const auto poles = file->doubles(p + "poles"), residues = file->doubles(p + "residues");
    const auto expected = example().banks[0].filters[0]->model.impulseResponse(40);
    for (int t = 1; t < 40; ++t) {
      std::complex<double> sum = 0;
      for (std::size_t k = 0; k < 6; ++k) {
        sum += std::complex<double>(residues[2 * k], residues[2 * k + 1]) *
               std::pow(std::complex<double>(poles[2 * k], poles[2 * k + 1]), t - 1);
      }
      QVERIFY(std::abs(sum.real() - expected[static_cast<std::size_t>(t)]) < 1e-12);
      QVERIFY(std::abs(sum.imag()) < 1e-12);
    }
    for (std::size_t k = 12; k < poles.size(); ++k) QCOMPARE(poles[k], 0.0);
  }

  void polesAloneAreEnough() {
    writeDistilled(example(), at("plain.safetensors"));
    // The same length, so that offsets stay: only the name that the reader looks for disappears.
    auto content = bytes(folder.filePath("plain.safetensors"));
    content.replace(".log_poles", ".other_lp_");
    save(folder.filePath("plain.safetensors"), content);
    const auto read = readDistilled(at("plain.safetensors"));
    const auto expected = example().banks[0].filters[0]->model.impulseResponse(200);
    const auto actual = read.banks[0].filters[0]->model.impulseResponse(200);
    for (std::size_t t = 0; t < 200; ++t) QVERIFY(std::abs(expected[t] - actual[t]) < 1e-11);
  }

  void refusesDamage_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<QByteArray>("from");
    QTest::addColumn<QByteArray>("to");
    for (const char* file : {"models.safetensors", "models.h5"}) {
      const QString f(file);
      QTest::addRow("%s other format", file)
          << f << QByteArray("polecat-statespace") << QByteArray("polecat-otherthings");
      QTest::addRow("%s missing table", file) << f << QByteArray("feedthrough") << QByteArray("feedthr0ugh");
    }
    QTest::newRow("wrong shape") << "models.safetensors" << QByteArray("[3,6,2]") << QByteArray("[6,3,2]");
  }
  void refusesDamage() {
    QFETCH(QString, file);
    QFETCH(QByteArray, from);
    QFETCH(QByteArray, to);
    writeDistilled(example(), at(file));
    auto content = bytes(folder.filePath(file));
    QVERIFY(content.contains(from));
    // Only equal lengths keep the file readable as such; a longer text is cut.
    content.replace(from, to.left(from.size()));
    save(folder.filePath(file), content);
    QVERIFY_THROWS_EXCEPTION(Error, readDistilled(at(file)));
  }

  // Any single damaged byte: an Error or a model, never a crash, a hang or a huge allocation.
  void survivesDamage_data() { sameBitsAfterReading_data(); }
  void survivesDamage() {
    QFETCH(QString, file);
    writeDistilled(example(), at(file));
    const auto content = bytes(folder.filePath(file));
    int refused = 0;
    for (qsizetype i = 0; i < content.size(); i += 1 + content.size() / 400) {
      auto damaged = content;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
      save(folder.filePath("damaged-" + file), damaged);
      try {
        const auto read = readDistilled(at("damaged-" + file));
        for (const auto& bank : read.banks)
          for (const auto& filter : bank.filters)
            if (filter) QVERIFY(filter->model.spectralRadius() <= 1);
      } catch (const Error&) {
        ++refused;
      }
      if (i % 7 == 0) {
        save(folder.filePath("damaged-" + file), content.left(i));
        QVERIFY_THROWS_EXCEPTION(Error, readDistilled(at("damaged-" + file)));
      }
    }
    QVERIFY(refused > 0);
  }

  void refusesBadPlaces() {
    QVERIFY_THROWS_EXCEPTION(Error, writeDistilled(example(), at("models.npz")));
    QVERIFY_THROWS_EXCEPTION(Error, writeDistilled(example(), at("missing/models.safetensors")));
    QVERIFY_THROWS_EXCEPTION(Error, writeDistilled(example(), at("missing/models.h5")));
    QVERIFY_THROWS_EXCEPTION(Error, readDistilled(at("absent.h5")));
    QVERIFY_THROWS_EXCEPTION(Error, readDistilled(at("absent.safetensors")));
    QVERIFY_THROWS_EXCEPTION(Error, readDistilled(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt"));
    QVERIFY_THROWS_EXCEPTION(Error, readDistilled(POLECAT_TEST_DATA "/ht_weights.safetensors"));
    try {
      writeDistilled(example(), at("missing/models.h5"));
    } catch (const Error& error) {
      QCOMPARE(error.kind(), ErrorKind::output);
    }
  }

  void checkMatchesComplains() {
    auto distilled = distil(*sample(), [] {
      DistilRequest request;
      request.order = 2;
      request.filters = sample()->parseFilters("0.0");
      return request;
    }());
    auto other = distilled;
    other.metadata["source_sha256"] = "0";
    QVERIFY(checkMatches(other, *sample())->find("SHA-256") != std::string::npos);
    other.metadata.erase("source_sha256");
    QVERIFY(checkMatches(other, *sample()));
    other = distilled;
    other.banks[1].filters.pop_back();
    QVERIFY_THROWS_EXCEPTION(Error, checkMatches(other, *sample()));
    other = distilled;
    other.banks.pop_back();
    QVERIFY_THROWS_EXCEPTION(Error, checkMatches(other, *sample()));
    other = distilled;
    other.banks.push_back({"another", {}});
    QVERIFY_THROWS_EXCEPTION(Error, checkMatches(other, *sample()));
  }
};

QTEST_GUILESS_MAIN(TestDistilled)
#include "test_distilled.moc"
