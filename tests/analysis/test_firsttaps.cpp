#include <QTest>
#include <cmath>

#include "analysis/error.h"
#include "analysis/reduction/firsttaps.h"
#include "tests/analysis/fittools.h"
#include "tests/analysis/testfilters.h"

using namespace analysis;
using fittools::errorOf;
using fittools::filterOf;

class TestFirstTaps : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void noTapsIsAPlainFit() {
    const auto filter = filterOf(testfilters::make("HT_ch3", 400));
    const auto split = fitAfterTaps(filter, 0, 6);
    const Fit fit = Reducer(filter, 6).fit(6, {}, Effort::standard);
    QCOMPARE(split.errorRelative, fit.errorRelative);
    QCOMPARE(split.taps, std::vector<double>{filter->taps[0]});
    QCOMPARE(split.operations(), 1 + 3 * 6);
  }

  // A front that no mode explains, then two modes: exact with the front kept, far from it without.
  void keepsAFront() {
    StateSpace model;
    model.modes = {{{-0.01, 0.2}, {0.3, 0.1}, true}};
    auto h = model.impulseResponse(500);
    h[0] = 1;
    h[1] = -3;
    h[2] = 2;
    h[3] = 4;
    const auto filter = filterOf(h);
    const auto split = fitAfterTaps(filter, 3, 2);
    QVERIFY(split.errorRelative < 1e-10);
    QVERIFY(errorOf(h, split.impulseResponse(500)) < 1e-10);
    QVERIFY(fitAfterTaps(filter, 0, 2).errorRelative > 0.1);
    QCOMPARE(split.impulseResponse(2), (std::vector<double>{1, -3}));
    const auto chosen = bestSplit(filter, 5 + 3 * 2);  // four exact taps leave room for the pair
    QCOMPARE(chosen.operations(), 11);
    QVERIFY(chosen.errorRelative < 1e-10);
  }

  void errorsAreHonest() {
    for (const char* name : {"HT_ch0", "S4D_0"}) {
      const auto filter = filterOf(testfilters::make(name, 512));
      for (const int exact : {1, 4, 8, 32}) {
        const auto split = fitAfterTaps(filter, exact, 4);
        QCOMPARE(std::ssize(split.taps), std::ptrdiff_t(exact + 1));
        QVERIFY(std::abs(split.errorRelative - errorOf(filter->taps, split.impulseResponse(512))) < 1e-12);
      }
      const double plain = fitAfterTaps(filter, 0, 6).errorRelative;
      QVERIFY(bestSplit(filter, 1 + 3 * 6).errorRelative <= plain);
    }
  }

  void degenerateFilters() {
    QCOMPARE(fitAfterTaps(filterOf({2, 1, 3}), 8, 2).errorRelative, 0.0);
    QCOMPARE(fitAfterTaps(filterOf({}), 2, 1).errorRelative, 0.0);
    QCOMPARE(fitAfterTaps(filterOf(std::vector<double>(40, 0.0)), 2, 3).errorRelative, 0.0);
    QCOMPARE(fitAfterTaps(filterOf({1, 1, 1}), 0, 0).taps.size(), std::size_t(1));
    QVERIFY_THROWS_EXCEPTION(Error, fitAfterTaps(filterOf({1, 2}), -1, 2));
    QVERIFY_THROWS_EXCEPTION(Error, fitAfterTaps(filterOf({1, 2}), 1, -2));
    QVERIFY_THROWS_EXCEPTION(Error, fitAfterTaps(filterOf({1, 2, std::nan("")}), 0, 2));
  }
};

QTEST_GUILESS_MAIN(TestFirstTaps)
#include "test_firsttaps.moc"
