#include <QTest>
#include <cmath>
#include <numbers>

#include "analysis/reduction/gramsums.h"
#include "analysis/reduction/powers.h"
#include "analysis/reduction/target.h"

using namespace analysis;
using Complex = std::complex<double>;

namespace {

constexpr double pi = std::numbers::pi;
using Long = long double;

PoleSet spread() {
  PoleSet poles;
  poles.addPair({-0.004, 0.02});
  poles.addPair({-0.3, 2.9});
  poles.addPair({-1.5e-3, 1.1});
  poles.addReal(-0.01, false);
  poles.addReal(-6.5, true);
  poles.addReal(-0.02, true);
  return poles;
}
// Poles that nearly touch the point 1, where closed forms cancel.
PoleSet nearOne() {
  PoleSet poles;
  poles.addPair({-1e-12, 1e-12});
  poles.addPair({-1.1e-9, 3e-8});
  poles.addReal(-1e-12, false);
  return poles;
}

Long basisValue(const PoleSet& poles, int i, Long n) {
  const int k = i < poles.rows() ? i : i - poles.rows();
  const Complex s = poles.logPoles[static_cast<std::size_t>(k)];
  const Long angle = k >= poles.pairs && s.imag() > 1 ? std::fmod(n, 2.0L) * std::numbers::pi_v<Long>
                                                      : static_cast<Long>(s.imag()) * n;
  const Long radius = std::exp(static_cast<Long>(s.real()) * n);
  return radius * (i < poles.rows() ? std::cos(angle) : std::sin(angle));
}

Long decay(const PoleSet& poles, int i) {
  return poles.logPoles[static_cast<std::size_t>(i < poles.rows() ? i : i - poles.rows())].real();
}

}  // namespace

class TestGramSums : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void powersKeepTheirDigits() {
    for (const Complex s : {Complex(-1e-6, 3.0), Complex(-1e-7, 0.123456789), Complex(-0.5, 1.0)}) {
      for (const double n : {0.0, 1.0, 63.0, 8191.0, 1048576.0}) {
        const Long radius = std::exp(static_cast<Long>(s.real()) * n), angle = static_cast<Long>(s.imag()) * n;
        const Complex expected(static_cast<double>(radius * std::cos(angle)),
                               static_cast<double>(radius * std::sin(angle)));
        QVERIFY(std::abs(power(s, n) - expected) <= 4e-16 * std::abs(expected));
      }
    }
    QCOMPARE(power({-1000, 0}, 0), Complex(1));
    QCOMPARE(power({-1000, 0}, 1e9), Complex(0));
  }

  void tableIsPowers() {
    PowerTable table;
    const auto poles = spread();
    table.fill(poles.logPoles, 37, 130);
    for (Eigen::Index k = 0; k < poles.rows(); ++k) {
      for (Eigen::Index j = 0; j < 130; ++j) {
        const Complex expected = power(poles.logPoles[static_cast<std::size_t>(k)], 37.0 * static_cast<double>(j));
        QVERIFY(std::abs(Complex(table.real(k, j), table.imaginary(k, j)) - expected) <=
                4e-15 * std::abs(expected) + 1e-290);
      }
    }
  }

  void gramsMatchDenseSums_data() {
    QTest::addColumn<bool>("critical");
    QTest::addColumn<int>("length");
    for (const int length : {1, 2, 3, 5, 64, 1000, 1023, 65537, 1 << 20}) {
      QTest::addRow("spread %d", length) << false << length;
      QTest::addRow("near one %d", length) << true << length;
    }
  }
  void gramsMatchDenseSums() {
    QFETCH(bool, critical);
    QFETCH(int, length);
    const PoleSet poles = critical ? nearOne() : spread();
    GramSums sums;
    sums.compute(spread(), 77);  // a used object must not matter
    sums.compute(poles, length);
    const int d = poles.order();
    std::vector<Long> values(static_cast<std::size_t>(d));
    std::array<std::vector<Long>, 3> dense, size;
    for (auto* kind : {&dense, &size})
      for (auto& matrix : *kind) matrix.assign(static_cast<std::size_t>(d * d), 0);
    for (int n = 0; n < length; ++n) {
      if (!critical && n == 20000) break;  // everything has decayed below 1e-13
      for (int i = 0; i < d; ++i) values[static_cast<std::size_t>(i)] = basisValue(poles, i, n);
      for (int i = 0; i < d; ++i) {
        for (int j = 0; j <= i; ++j) {
          const Long modulus = std::exp((decay(poles, i) + decay(poles, j)) * n);
          Long term = values[static_cast<std::size_t>(i)] * values[static_cast<std::size_t>(j)];
          const auto at = static_cast<std::size_t>(i * d + j);
          for (std::size_t q = 0; q < 3; ++q, term *= n) {
            dense[q][at] += term;
            size[q][at] += modulus * std::pow(static_cast<Long>(n), static_cast<Long>(q));
          }
        }
      }
    }
    for (std::size_t q = 0; q < 3; ++q) {
      QCOMPARE(sums.moments[q].rows(), Eigen::Index(d));
      for (int i = 0; i < d; ++i) {
        for (int j = 0; j <= i; ++j) {
          const auto at = static_cast<std::size_t>(i * d + j);
          // Relative to the sum of the moduli n^q |z_i|^n |z_j|^n: sines of small angles are differences of those.
          const auto scale = static_cast<double>(size[q][at]);
          const double error = std::abs(static_cast<double>(dense[q][at]) - sums.moments[q](i, j));
          QVERIFY2(error <= 1e-12 * scale,
                   qPrintable(QString("q %1 (%2,%3): %4 of %5").arg(q).arg(i).arg(j).arg(error).arg(scale)));
          QCOMPARE(sums.moments[q](i, j), sums.moments[q](j, i));
        }
      }
    }
  }

  void noPolesNoMatrix() {
    GramSums sums;
    sums.compute(PoleSet{}, 100);
    QCOMPARE(sums.moments[2].size(), Eigen::Index(0));
  }

  void transformMatchesDirectSums_data() {
    QTest::addColumn<int>("length");
    for (const int length : {1, 2, 15, 16, 17, 1023, 5000}) QTest::addRow("%d", length) << length;
  }
  void transformMatchesDirectSums() {
    QFETCH(int, length);
    Eigen::VectorXd g(length);
    for (int n = 0; n < length; ++n) g[n] = std::sin(0.3 * n * n) + 0.1;
    const PoleSet poles = spread();
    Transform transform;
    transform.compute(BlockedSequence(g), poles, true);
    QCOMPARE(transform.sums().size(), Eigen::Index(poles.order()));
    for (int i = 0; i < poles.order(); ++i) {
      Long sum = 0, moment = 0, size = 0;
      for (int n = 0; n < length; ++n) {
        const Long term = g[n] * basisValue(poles, i, n);
        sum += term;
        moment += n * term;
        size += std::abs(term);
      }
      QVERIFY(std::abs(static_cast<double>(sum) - transform.sums()(i, 0)) <= 1e-13 * static_cast<double>(size) + 1e-15);
      QVERIFY(std::abs(static_cast<double>(moment) - transform.moments()(i, 0)) <=
              1e-13 * length * static_cast<double>(size) + 1e-15);
    }
  }
};

QTEST_GUILESS_MAIN(TestGramSums)
#include "test_gramsums.moc"
