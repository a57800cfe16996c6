// The generator must produce the filters of the reference file; every other reference depends on it.
#include <QtTest>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/analysis/testfilters.h"

using Json = nlohmann::json;

class TestTestFilters : public QObject {
  Q_OBJECT

 private:
  Json m_reference;

 private Q_SLOTS:
  void initTestCase() {
    std::ifstream file(POLECAT_TEST_DATA "/reference_errors.json");
    QVERIFY(file.is_open());
    m_reference = Json::parse(file);
  }

  void randomNumbers() {
    const auto& generator = m_reference["generator"];
    testfilters::SplitMix64 bits(1), uniform(1), normal(1);
    for (const auto& expected : generator["seed1_u64"])
      QCOMPARE(bits.bits(), std::stoull(expected.get<std::string>(), nullptr, 16));
    for (const auto& expected : generator["seed1_uniform"]) QCOMPARE(uniform.uniform(), expected.get<double>());
    for (const auto& expected : generator["seed1_normal"])
      QVERIFY(std::abs(normal.normal() - expected.get<double>()) < 1e-14);
  }

  void fingerprints() {
    int compared = 0;
    for (const auto& [key, entry] : m_reference["filters"].items()) {
      if (!entry.contains("fingerprint")) continue;
      const auto h = testfilters::make(entry["name"].get<std::string>(), entry["length"].get<int>());
      double sum = 0, sumAbs = 0, sumCos = 0, energy = 0;
      for (std::size_t n = 0; n < h.size(); ++n) {
        sum += h[n];
        sumAbs += std::abs(h[n]);
        sumCos += h[n] * std::cos(double(n));
        energy += h[n] * h[n];
      }
      const std::map<std::string, double> mine = {{"h[0]", h[0]},         {"h[1]", h[1]}, {"h[100]", h[100]},
                                                  {"h[L-1]", h.back()},   {"sum", sum},   {"sum_abs", sumAbs},
                                                  {"sum_h_cos_n", sumCos}};
      for (const auto& [what, expected] : entry["fingerprint"].items()) {
        const double difference = std::abs(mine.at(what) - expected.get<double>());
        QVERIFY2(difference < 1e-9, (key + " " + what + " differs by " + std::to_string(difference)).c_str());
        ++compared;
      }
      QVERIFY(std::abs(energy - 1) < 1e-12);
    }
    QVERIFY(compared >= 7 * 22);
  }

  void namesAreMakeable() {
    QCOMPARE(testfilters::names().size(), 21u);
    for (const auto& name : testfilters::names()) QCOMPARE(testfilters::make(name, 128).size(), 128u);
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, testfilters::make("H9_c0.1", 1024));
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, testfilters::make("H5w10_c0.2", 1024));
  }
};

QTEST_GUILESS_MAIN(TestTestFilters)
#include "test_testfilters.moc"
