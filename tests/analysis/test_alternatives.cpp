// Other forms of model: what they claim, recomputed from their responses.
#include <QTest>
#include <cmath>

#include "analysis/error.h"
#include "analysis/reduction/alternatives.h"
#include "analysis/reduction/joint.h"
#include "tests/analysis/distilledhelpers.h"

using namespace analysis;
using distilledhelpers::sample;

namespace {

double distance(const std::vector<double>& h, const std::vector<double>& g) {
  double error = 0, norm = 0;
  for (std::size_t n = 0; n < h.size(); ++n) {
    error += (h[n] - g[n]) * (h[n] - g[n]);
    norm += h[n] * h[n];
  }
  return std::sqrt(error / norm);
}

}  // namespace

class TestAlternatives : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void errorsAreThoseOfTheResponses_data() {
    QTest::addColumn<QString>("name");
    for (const Alternative& form : alternatives())
      QTest::newRow(form.name.data()) << QString::fromUtf8(form.name.data(), static_cast<qsizetype>(form.name.size()));
  }
  void errorsAreThoseOfTheResponses() {
    QFETCH(QString, name);
    const auto* form = alternativeNamed(name.toStdString());
    QVERIFY(form);
    const FilterId id{1, 5};
    const auto filter = sample()->filter(id);
    const AlternativeFit fit = fitAlternative(*form, *sample(), id, 6);
    QCOMPARE(fit.impulse.size(), filter->taps.size());
    QVERIFY(std::abs(distance(filter->taps, fit.impulse) - fit.errorRelative) < 1e-9);
    QVERIFY(fit.order <= 6 && fit.spectralRadius < 1);
    QVERIFY(!fit.remark.empty());
    const double own = Reducer(filter, 6).fit(6, {}, Effort::standard).errorRelative;
    if (form->filtersPerPoleSet == 0)
      QVERIFY(fit.errorRelative <= own * (1 + 1e-9));  // no exact tap is one of the splits
    else
      QVERIFY(fit.errorRelative >= own * 0.99);
  }

  void setsAreThoseOfTheExport() {
    const FilterId id{2, 9};  // filters 8 to 11
    std::vector<std::shared_ptr<const Filter>> filters;
    for (int channel = 8; channel < 12; ++channel) filters.push_back(sample()->filter({2, channel}));
    const double expected = fitTogether(filters, 4).fits[1].errorRelative;
    QCOMPARE(fitAlternative(*alternativeNamed("shared-4"), *sample(), id, 4).errorRelative, expected);
  }

  void firstTapsAreExact() {
    const auto filter = sample()->filter({0, 3});
    const AlternativeFit fit = fitAlternative(*alternativeNamed("first-taps"), *sample(), {0, 3}, 8);
    QCOMPARE(fit.impulse[0], filter->taps[0]);
    if (!fit.recurrence) QCOMPARE(fit.impulse[1], filter->taps[1]);
    QVERIFY(fit.order < 8 || fit.recurrence);  // exact taps are paid with states
  }

  void unknownNamesAreNone() {
    QVERIFY(!alternativeNamed("shared-5"));
    QVERIFY_THROWS_EXCEPTION(Error, fitAlternative(*alternativeNamed("shared-4"), *sample(), {0, 0}, 0));
  }
};

QTEST_GUILESS_MAIN(TestAlternatives)
#include "test_alternatives.moc"
