#include <QTest>
#include <cmath>

#include "analysis/reduction/precision.h"
#include "analysis/reduction/reducer.h"
#include "analysis/reduction/residues.h"
#include "tests/analysis/fittools.h"
#include "tests/analysis/testfilters.h"

using namespace analysis;
using fittools::errorOf;

namespace {

PoleSet polesOf(const std::vector<double>& taps, int order) {
  Filter filter;
  filter.taps = taps;
  return PoleSet::of(
      Reducer(std::make_shared<const Filter>(filter), order).fit(order, {}, Effort::standard).model);
}

}  // namespace

class TestPrecision : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void roundsToNearestEven() {
    // bfloat16 has 8 significant bits: neighbours of 1 are 1 - 2^-8 and 1 + 2^-7.
    QCOMPARE(rounded(1.0, Precision::bfloat16), 1.0);
    QCOMPARE(rounded(1 + 0x1p-8, Precision::bfloat16), 1.0);              // half way: to even
    QCOMPARE(rounded(1 + 3 * 0x1p-8, Precision::bfloat16), 1 + 0x1p-6);   // half way: to even
    QCOMPARE(rounded(1 + 0x1.1p-8, Precision::bfloat16), 1 + 0x1p-7);
    QCOMPARE(rounded(-3.14159265, Precision::bfloat16), -3.140625);
    QCOMPARE(rounded(0.1, Precision::float32), static_cast<double>(0.1f));
    QCOMPARE(rounded(0.1, Precision::float64), 0.1);
    QCOMPARE(rounded(0.0, Precision::bfloat16), 0.0);
    QCOMPARE(bytesPerNumber(Precision::bfloat16), 2);
    for (int i = 1; i < 1000; ++i) {
      const double x = std::exp(0.1 * i - 50);
      QVERIFY(std::abs(rounded(x, Precision::bfloat16) / x - 1) <= 0x1p-8);
      QVERIFY(std::abs(rounded(x, Precision::float32) / x - 1) <= 0x1p-24);
    }
  }

  void storedModelsAreMadeOfStoredNumbers() {
    const auto h = testfilters::make("HT_ch0", 800);
    const PoleSet poles = polesOf(h, 10);
    for (const Precision precision : {Precision::bfloat16, Precision::float32}) {
      const Fit fit = storedFit(Target(h), poles, precision);
      QCOMPARE(fit.model.feedthrough, rounded(h[0], precision));
      for (const Mode& mode : fit.model.modes) {
        const double decay = std::log(-mode.logPole.real());
        QVERIFY(std::abs(decay - rounded(decay, precision)) <= 1e-14 * std::abs(decay));
        if (mode.pair) QCOMPARE(mode.logPole.imag(), rounded(mode.logPole.imag(), precision));
        const std::complex<double> twice = mode.pair ? 2.0 * mode.residue : mode.residue;
        QCOMPARE(twice.real(), rounded(twice.real(), precision));
        QCOMPARE(twice.imag(), rounded(twice.imag(), precision));
      }
      QVERIFY(std::abs(fit.errorRelative - errorOf(h, fit.model)) < 1e-12);
    }
  }

  // The order of the two steps is what makes half the bytes free.
  void refittedResiduesSaveTheModel_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<double>("allowed");
    QTest::newRow("HT_ch0") << "HT_ch0" << 1.01;
    QTest::newRow("HT_ch3") << "HT_ch3" << 1.01;
    QTest::newRow("H5w10_c0.5") << "H5w10_c0.5" << 1.05;
  }
  void refittedResiduesSaveTheModel() {
    QFETCH(QString, name);
    QFETCH(double, allowed);
    const auto h = testfilters::make(name.toStdString(), 1024);
    const Target target(h);
    const PoleSet poles = polesOf(h, 8);
    const double exact = storedFit(target, poles, Precision::float64).errorRelative;
    const double single = storedFit(target, poles, Precision::float32).errorRelative;
    const double half = storedFit(target, poles, Precision::bfloat16).errorRelative;
    const double careless = storedFit(target, poles, Precision::bfloat16, false).errorRelative;
    QVERIFY(std::abs(single / exact - 1) < 1e-5);
    QVERIFY2(half <= allowed * exact, qPrintable(QString::number(half / exact)));
    QVERIFY2(half <= careless, qPrintable(QString::number(careless / exact)));
  }

  void degenerateModels() {
    QCOMPARE(storedFit(Target(std::vector<double>(9, 0.0)), {}, Precision::bfloat16).errorRelative, 0.0);
    PoleSet pole;
    pole.addReal(-1.01e-9, false);  // at the limit: rounding must not take it to the circle
    QVERIFY(rounded(pole, Precision::bfloat16).logPoles[0].real() <= -1e-9);
    QCOMPARE(largestQuality(pole), 0.0);
    pole.addPair({-0.01, 0.5});
    QVERIFY(std::abs(largestQuality(pole) - 50) < 1e-12);
  }
};

QTEST_GUILESS_MAIN(TestPrecision)
#include "test_precision.moc"
