#include <QTest>
#include <cmath>
#include <limits>
#include <vector>

#include "analysis/response/statistics.h"

using namespace analysis;

class TestStatistics : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void smallFilter() {
    const std::vector<double> h{3, 0, -4, 0};
    const auto s = statistics(h);
    QVERIFY(s.finite);
    QCOMPARE(s.energy, 25.0);
    QCOMPARE(s.peak, 4.0);
    QCOMPARE(s.peakLagSamples, 2);
    QCOMPARE(s.effectiveLengthSamples, 3);
    QCOMPARE(s.firstTapShare, 0.6);
  }
  // Energy of r^2t up to n is (1 - r^2n) / (1 - r^2): 99.9 % needs n = ln(0.001) / (2 ln r).
  void geometricFilter() {
    const double r = 0.98;
    std::vector<double> h;
    for (int t = 0; t < 4000; ++t) h.push_back(std::pow(r, t));
    const auto s = statistics(h);
    QVERIFY(std::abs(s.energy * (1 - r * r) - 1) < 1e-12);
    QCOMPARE(s.effectiveLengthSamples, static_cast<int>(std::ceil(std::log(0.001) / (2 * std::log(r)))));
  }
  void extremeScales() {
    for (const double scale : {1e-200, 1e200}) {
      const auto s = statistics(std::vector<double>{3 * scale, 4 * scale});
      QVERIFY(std::abs(s.firstTapShare - 0.6) < 1e-15);
      QCOMPARE(s.effectiveLengthSamples, 2);
    }
  }
  void emptyAndZero() {
    QCOMPARE(statistics({}).peak, 0.0);
    const auto s = statistics(std::vector<double>(5, 0.0));
    QVERIFY(s.finite);
    QCOMPARE(s.effectiveLengthSamples, 0);
    QCOMPARE(s.firstTapShare, 0.0);
  }
  void notFinite() {
    for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
      const auto s = statistics(std::vector<double>{1, bad, 2});
      QVERIFY(!s.finite);
      QCOMPARE(s.peak, 0.0);
      QCOMPARE(s.energy, 0.0);
    }
  }
};

QTEST_GUILESS_MAIN(TestStatistics)
#include "test_statistics.moc"
