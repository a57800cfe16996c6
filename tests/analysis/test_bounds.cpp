#include <Eigen/Dense>
#include <QFile>
#include <QTest>
#include <cmath>
#include <nlohmann/json.hpp>

#include "analysis/error.h"
#include "analysis/response/bounds.h"
#include "analysis/response/hankel.h"
#include "analysis/response/lanczos.h"
#include "tests/analysis/testfilters.h"

using namespace analysis;

namespace {

nlohmann::json references() {
  QFile file(POLECAT_TEST_DATA "/reference_errors.json");
  if (!file.open(QIODevice::ReadOnly)) qFatal("reference_errors.json is missing");
  return nlohmann::json::parse(file.readAll().toStdString());
}

Eigen::VectorXd denseSingularValues(const std::vector<double>& taps, int size) {
  Eigen::MatrixXd H = Eigen::MatrixXd::Zero(size, size);
  for (int i = 0; i < size; ++i)
    for (int j = 0; j < size && i + j + 1 < static_cast<int>(taps.size()); ++j)
      H(i, j) = taps[static_cast<std::size_t>(i + j + 1)];
  return Eigen::BDCSVD<Eigen::MatrixXd>(H).singularValues();
}

// Smallest window error any model with these poles can have.
double bestError(const std::vector<double>& taps, const std::vector<std::complex<double>>& upperPoles) {
  const auto M = static_cast<Eigen::Index>(taps.size()) - 1;
  Eigen::MatrixXd basis(M, 2 * static_cast<Eigen::Index>(upperPoles.size()));
  for (Eigen::Index k = 0; k < basis.cols() / 2; ++k) {
    for (Eigen::Index n = 0; n < M; ++n) {
      const auto power = std::pow(upperPoles[static_cast<std::size_t>(k)], static_cast<double>(n));
      basis(n, 2 * k) = power.real();
      basis(n, 2 * k + 1) = power.imag();
    }
  }
  const Eigen::VectorXd g = Eigen::Map<const Eigen::VectorXd>(taps.data() + 1, M);
  const Eigen::VectorXd c = basis.colPivHouseholderQr().solve(g);
  return (g - basis * c).norm() / std::sqrt(g.squaredNorm() + taps[0] * taps[0]);
}

}  // namespace

class TestBounds : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void operatorIsTheMatrix() {
    std::vector<double> g;
    for (int n = 0; n < 23; ++n) g.push_back(std::sin(1.3 * n) + 0.2 * n);
    for (const int size : {1, 2, 12, 23, 40}) {
      for (const bool weighted : {false, true}) {
        const HankelOperator H(g, size, weighted ? halfWeights(size) : std::vector<double>{});
        const Eigen::VectorXd x = Eigen::VectorXd::LinSpaced(size, -1, 2);
        Eigen::VectorXd expected = Eigen::VectorXd::Zero(size), y(size);
        const auto D = weighted ? halfWeights(size) : std::vector<double>(static_cast<std::size_t>(size), 1.0);
        for (int i = 0; i < size; ++i)
          for (int j = 0; j < size && i + j < 23; ++j)
            expected[i] += D[static_cast<std::size_t>(i)] * g[static_cast<std::size_t>(i + j)] *
                           D[static_cast<std::size_t>(j)] * x[j];
        auto scratch = H.scratch();
        H.multiply(x.data(), y.data(), scratch);
        H.multiply(x.data(), y.data(), scratch);  // a used scratch must not matter
        QVERIFY((y - expected).norm() < 1e-12 * (1 + expected.norm()));
        QVERIFY((H.dense() * x - expected).norm() < 1e-12 * (1 + expected.norm()));
      }
    }
  }

  void halfWeightsConvolveToOne() {
    const auto a = halfWeights(300);
    for (std::size_t n = 0; n < a.size(); ++n) {
      double sum = 0;
      for (std::size_t i = 0; i <= n; ++i) sum += a[i] * a[i] * a[n - i] * a[n - i];
      QVERIFY(std::abs(sum - 1) < 1e-12);
    }
  }

  void lanczosPairsAreEigenpairs_data() {
    QTest::addColumn<QString>("name");
    for (const char* name : {"H5w10_c0.5", "HT_ch3", "S4D_0", "NOISE_0"}) QTest::newRow(name) << name;
  }
  void lanczosPairsAreEigenpairs() {
    QFETCH(QString, name);
    const auto h = testfilters::make(name.toStdString(), 701);
    const HankelOperator H(std::span<const double>(h).subspan(1), 700);
    const Eigen::VectorXd sigma = denseSingularValues(h, 700);
    const auto pairs = convergedEigenpairs(H, 30);
    const Eigen::MatrixXd dense = H.dense();
    QCOMPARE(pairs.values.size(), Eigen::Index(30));
    for (Eigen::Index k = 0; k < 30; ++k) {
      QVERIFY(std::abs(std::abs(pairs.values[k]) - sigma[k]) < 1e-9 * sigma[0]);
      QVERIFY((dense * pairs.vectors.col(k) - pairs.values[k] * pairs.vectors.col(k)).norm() < 3e-9 * sigma[0]);
    }
    QVERIFY((pairs.vectors.transpose() * pairs.vectors - Eigen::MatrixXd::Identity(30, 30)).norm() < 1e-11);
    const auto quick = lanczos(H, 30, 138);
    QVERIFY((quick.vectors.transpose() * quick.vectors - Eigen::MatrixXd::Identity(30, 30)).norm() < 1e-11);
    for (Eigen::Index k = 0; k < 30; ++k) {
      const double residual = (dense * quick.vectors.col(k) - quick.values[k] * quick.vectors.col(k)).norm();
      QVERIFY(std::abs(residual - quick.residuals[k]) < 1e-10 * sigma[0]);
    }
  }
  // Two exponentials on the window: after two steps nothing is left, and the process must say so and not divide by it.
  void finiteRankClosesTheKrylovSpace() {
    std::vector<double> g;
    for (int n = 0; n < 101; ++n) g.push_back(std::pow(0.9, n) + std::pow(-0.7, n));
    const HankelOperator H(g, 51);
    const auto quick = lanczos(H, 10, 40);
    const auto converged = convergedEigenpairs(H, 10);
    for (const auto& pairs : {quick, converged}) {
      QVERIFY(pairs.exact);
      for (Eigen::Index k = 2; k < pairs.values.size(); ++k)
        QVERIFY(std::abs(pairs.values[k]) < 1e-12 * std::abs(pairs.values[0]));
    }
  }

  void spectrumMatchesDense_data() {
    QTest::addColumn<int>("length");
    QTest::addColumn<int>("count");
    QTest::addColumn<bool>("complete");
    QTest::newRow("tiny") << 3 << 5 << false;
    QTest::newRow("complete") << 257 << 10 << true;
    QTest::newRow("leading, dense") << 257 << 100 << false;
    QTest::newRow("leading, Krylov") << 801 << 40 << false;
  }
  void spectrumMatchesDense() {
    QFETCH(int, length);
    QFETCH(int, count);
    QFETCH(bool, complete);
    auto h = testfilters::make("H5w10_c0.1", std::max(length, 128));
    h.resize(static_cast<std::size_t>(length));
    const auto result = hankelSpectrum(h, count, complete);
    const Eigen::VectorXd sigma = denseSingularValues(h, length - 1);
    QVERIFY(result.converged);
    QCOMPARE(result.complete, complete || count >= length - 1);
    QCOMPARE(static_cast<int>(result.values.size()), complete ? length - 1 : std::min(count, length - 1));
    for (std::size_t k = 0; k < result.values.size(); ++k)
      QVERIFY(std::abs(result.values[k] - sigma[static_cast<Eigen::Index>(k)]) < 1e-9 * sigma[0]);
    QVERIFY(std::abs(result.frobeniusSquared / sigma.squaredNorm() - 1) < 1e-12);
  }

  // h[n+1] = r^n on a long window: one singular value, 1 / (1 - r^2).
  void onePoleHasOneHankelValue() {
    std::vector<double> h{0.5};
    for (int n = 0; n < 900; ++n) h.push_back(std::pow(0.95, n));
    const auto result = hankelSpectrum(h, 3);
    QVERIFY(std::abs(result.values[0] * (1 - 0.95 * 0.95) - 1) < 1e-12);
    QVERIFY(result.values[1] < 1e-10);
  }

  void weakerTailBoundIsAboveTheExactOne() {
    const auto h = testfilters::make("H33w14_c0.5", 513);
    const auto complete = twiceTailSum(hankelSpectrum(h, 64, true), h, 64);
    const auto leading = twiceTailSum(hankelSpectrum(h, 64), h, 64);
    QCOMPARE(complete.size(), std::size_t(65));
    for (std::size_t d = 0; d < complete.size(); ++d) {
      QVERIFY(leading[d] >= complete[d] * (1 - 1e-9));
      if (d > 0) QVERIFY(complete[d] <= complete[d - 1]);
    }
  }

  void certificateMatchesTheReference_data() {
    QTest::addColumn<QString>("key");
    for (const char* key : {"1024|H5w10_c0.1", "1024|HT_ch3", "1024|S4D_1", "1024|EX3%_2", "1024|NOISE_0", "1024|MIX",
                            "8192|H5w10_c0.1", "8192|MIX"})
      QTest::newRow(key) << key;
  }
  void certificateMatchesTheReference() {
    QFETCH(QString, key);
    const auto reference = references()["filters"][key.toStdString()];
    const auto h = testfilters::make(reference["name"].get<std::string>(), reference["length"]);
    const auto bound = certificate(h, 64);
    QCOMPARE(bound.error.size(), std::size_t(65));
    for (const auto& [order, value] : reference["certificate"].items()) {
      const double expected = value;
      const double error = bound.error[std::stoul(order)];
      if (expected > 1e-5)
        QVERIFY2(std::abs(error / expected - 1) < 1e-5, qPrintable(QString::number(error / expected)));
    }
    for (std::size_t d = 1; d < bound.error.size(); ++d) QVERIFY(bound.error[d] <= bound.error[d - 1]);
  }

  // The dense and the Krylov path must agree where both can be used: 1201 taps are p = 600, 1203 taps p = 601.
  void certificatePathsAgree() {
    const auto h = testfilters::make("H5w10_c0.9", 2048);
    const std::vector<double> dense(h.begin(), h.begin() + 1201), krylov(h.begin(), h.begin() + 1203);
    const auto a = certificate(dense, 32), b = certificate(krylov, 32);
    QVERIFY(a.floor < b.floor);
    for (std::size_t d = 0; d <= 32; ++d) QVERIFY(std::abs(a.error[d] - b.error[d]) < 1e-3 * a.error[0]);
  }

  void noModelBeatsTheCertificate() {
    testfilters::SplitMix64 random(7);
    for (const char* name : {"H5w10_c0.5", "EX3%_1", "HT_ch0"}) {
      const auto h = testfilters::make(name, 257);
      const auto bound = certificate(h, 12);
      for (int trial = 0; trial < 60; ++trial) {
        const int pairs = 1 + trial % 6;
        std::vector<std::complex<double>> poles;
        // Unstable ones too: the bound is for every recurrence.
        for (int k = 0; k < pairs; ++k)
          poles.push_back(std::polar(std::exp(0.004 - std::pow(random.uniform(), 3)), 3.1 * random.uniform() + 0.01));
        QVERIFY(bestError(h, poles) >= bound.error[static_cast<std::size_t>(2 * pairs)]);
      }
    }
  }

  void exactFiltersHaveNoLowerBound() {
    const auto h = testfilters::make("S4D_0", 1024);
    const auto bound = certificate(h, 66);
    QVERIFY(bound.error[32] > 1e-3);
    QVERIFY(bound.error[64] <= 1e-7);
    QVERIFY(bound.floor > 0 && bound.floor < 1e-6);
  }

  void degenerateFilters() {
    for (const auto& taps : {std::vector<double>{}, std::vector<double>{2.0}, std::vector<double>(8, 0.0)}) {
      for (const double error : certificate(taps, 4).error) QCOMPARE(error, 0.0);
      const auto sigma = hankelSpectrum(taps, 3);
      for (const double value : sigma.values) QCOMPARE(value, 0.0);
      for (const double value : twiceTailSum(sigma, taps, 4)) QCOMPARE(value, 0.0);
    }
    QVERIFY_THROWS_EXCEPTION(Error, certificate(std::vector<double>{1, std::nan(""), 2}, 4));
  }

  // Bounds are relative: the size of the filter must not matter, even at the ends of the number range.
  void scaleDoesNotMatter() {
    const auto h = testfilters::make("H5w10_c0.1", 256);
    auto large = h;
    for (double& tap : large) tap *= 1e200;
    const auto a = certificate(h, 8), b = certificate(large, 8);
    for (std::size_t d = 0; d <= 8; ++d) QVERIFY(std::abs(a.error[d] - b.error[d]) < 1e-12);
  }

  void stops() {
    std::stop_source source;
    source.request_stop();
    const auto h = testfilters::make("NOISE_0", 4096);
    QVERIFY_THROWS_EXCEPTION(Stopped, certificate(h, 64, Task(source.get_token())));
  }
};

QTEST_GUILESS_MAIN(TestBounds)
#include "test_bounds.moc"
