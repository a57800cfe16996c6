#include <QTest>
#include <cmath>

#include "analysis/error.h"
#include "analysis/reduction/globalcheck.h"
#include "analysis/reduction/reducer.h"
#include "analysis/reduction/residues.h"
#include "tests/analysis/fittools.h"
#include "tests/analysis/testfilters.h"

using namespace analysis;
using fittools::filterOf;

class TestGlobalCheck : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void fullFitsHold() {
    const auto filter = filterOf(testfilters::make("HT_ch0", 400));
    const Fit fit = *Reducer(filter, 12).curve(4)->fits[4];
    const auto check = checkGlobal(*filter, fit, 150);
    QCOMPARE(check.starts, 150);
    QVERIFY(!check.improved);
    QVERIFY2(check.probablyGlobal(), qPrintable(QString::number(check.reached)));
    QCOMPARE(checkGlobal(*filter, fit, 150).reached, check.reached);
  }

  // One mode at the wrong place: random starts find the right one.
  void poorFitsAreFoundOut() {
    StateSpace model;
    model.modes = {{{-0.02, 0.5}, {1, 0.5}, true}, {{-0.01, 1.5}, {0.7, 0}, true}};
    const auto filter = filterOf(model.impulseResponse(300));
    PoleSet wrong;
    wrong.addPair({-0.02, 0.5});
    wrong.addPair({-0.3, 3.0});
    const Target target(filter->taps);
    const Fit poor = makeFit(target, wrong, fitResidues(target, wrong), "by hand");
    const auto check = checkGlobal(*filter, poor, 60);
    QVERIFY(check.improved && !check.probablyGlobal());
    QVERIFY(check.best.errorRelative < 1e-6);
  }

  void edges() {
    const auto zero = filterOf(std::vector<double>(20, 0.0));
    QCOMPARE(checkGlobal(*zero, Reducer(zero, 2).fit(2)).starts, 0);
    const auto filter = filterOf(testfilters::make("S4D_0", 300));
    const Reducer reducer(filter, 9);
    QVERIFY_THROWS_EXCEPTION(Error, checkGlobal(*filter, reducer.fit(9)));
    std::stop_source source;
    int seen = 0;
    const Task task(source.get_token(), [&](double, std::string_view) {
      if (++seen == 5) source.request_stop();
    });
    QVERIFY_THROWS_EXCEPTION(Stopped, checkGlobal(*filter, reducer.fit(4), 1000, task));
    QCOMPARE(seen, 5);
  }
};

QTEST_GUILESS_MAIN(TestGlobalCheck)
#include "test_globalcheck.moc"
