#include <Eigen/Dense>
#include <QTest>
#include <cmath>
#include <numbers>

#include "analysis/reduction/exchange.h"
#include "analysis/reduction/finish.h"
#include "analysis/reduction/greedy.h"
#include "analysis/reduction/multiscale.h"
#include "analysis/reduction/recurrence.h"
#include "analysis/reduction/residues.h"
#include "analysis/reduction/starts.h"
#include "tests/analysis/testfilters.h"

using namespace analysis;
using Complex = std::complex<double>;

namespace {

std::vector<double> damped(int length, std::vector<Complex> logPoles) {
  StateSpace model;
  for (const Complex s : logPoles) model.modes.push_back({s, {0.6, -0.3}, true});
  return model.impulseResponse(length);
}

// Distance of every wanted log-pole to the nearest pair found, relative.
double distance(const PoleSet& found, const std::vector<Complex>& wanted) {
  double worst = 0;
  for (const Complex s : wanted) {
    double nearest = 1e300;
    for (const Complex other : found.logPoles) nearest = std::min(nearest, std::abs(other - s) / std::abs(s));
    worst = std::max(worst, nearest);
  }
  return worst;
}

PoleSet pairs(const std::vector<Complex>& logPoles) {
  PoleSet set;
  for (const Complex s : logPoles) set.addPair(s);
  return set;
}

}  // namespace

class TestStarts : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  // Two damped sinusoids that have not decayed at the end: only the half window sees them exactly.
  void halfWindowIsExactOnCutWindows() {
    const std::vector<Complex> wanted{{-0.003, 0.3}, {-0.001, 1.2}};
    const Target target(damped(300, wanted));
    const auto half = SpectralStart::halfWindow(target, 16);
    QCOMPARE(half.maxOrder(), 4);  // the rank of the window
    QVERIFY(distance(half.poles(4), wanted) < 1e-8);
    QVERIFY(distance(SpectralStart::balanced(target, 16).poles(4), wanted) > 1e-4);
    QVERIFY(half.poles(5).rows() == 0 && half.poles(0).rows() == 0);
  }
  void balancedAndWeightedAreExactOnDecayedWindows() {
    const std::vector<Complex> wanted{{-0.05, 0.3}, {-0.04, 1.2}, {-0.06, 2.5}};
    const Target target(damped(900, wanted));
    QVERIFY(distance(SpectralStart::balanced(target, 16).poles(6), wanted) < 1e-8);
    QVERIFY(distance(SpectralStart::weighted(target, 16).poles(6), wanted) < 1e-6);
  }
  // The balanced poles are the eigenvalues of a compression of the shift: inside the circle before any clamping.
  void balancedModelIsNested() {
    const auto h = testfilters::make("H33w14_c0.1", 400);
    const Target target(h);
    const auto large = SpectralStart::balanced(target, 32);
    for (int d = 1; d <= 32; ++d) {
      const auto poles = large.poles(d);
      QCOMPARE(poles.order(), d);
      for (const Complex s : poles.logPoles) QVERIFY(s.real() < 0);
    }
    const auto sigma = large.sigma();
    QVERIFY(std::is_sorted(sigma.rbegin(), sigma.rend()));
  }
  void averagedPolesComeBack() {
    const std::vector<Complex> slow{{-0.002, 0.02}, {-0.004, 0.05}};
    const Target target(damped(6000, slow));
    const SpectralStarts starts(target, 8);
    QVERIFY(starts.factor() > 1);
    for (const auto& start : starts.at(4)) QVERIFY(distance(start.poles, slow) < 1e-5);
    const SpectralStarts full(target, 8, {}, 8000);
    QCOMPARE(full.factor(), 1);
    QVERIFY(std::abs(starts.sigma()[0] / full.sigma()[0] - 1) < 0.01);
    PoleSet negative;
    negative.addReal(-0.5, true);
    const auto mapped = atFullRate(negative, 4);
    QCOMPARE(mapped.logPoles[0], Complex(-0.125, 0.0));
  }

  // The search must find what a dense scan of decays and angles finds.
  void pairSearchFindsTheBestPair() {
    const auto h = testfilters::make("MIX", 500);
    const Target target(h);
    const Eigen::VectorXd g = target.sequence().values();
    const auto gain = [&](Complex s) { return 1 - asIs(target, pairs({s}), "").squaredError; };
    double best = 0;
    for (double decay = 0.001; decay < 0.5; decay *= 1.15)
      for (double angle = 0.005; angle < 3.1; angle += 0.01) best = std::max(best, gain({-decay, angle}));
    QVERIFY(gain(PairSearch(499).bestPair(g)) > 0.93 * best);
  }
  void pairSearchSeesFastModesInLongFilters() {
    const std::vector<Complex> both{{-0.4, 2.0}, {-2e-5, 3e-4}};
    for (const Complex s : both) {
      const Target target(damped(70000, {s}));
      const Complex found = PairSearch(69999).bestPair(target.sequence().values());
      QVERIFY(1 - asIs(target, pairs({found}), "").squaredError > 0.8);
    }
  }
  void realSearch() {
    for (const bool negative : {false, true}) {
      StateSpace model;
      model.modes = {{{-0.07, negative ? std::numbers::pi : 0.0}, 2.0, false}};
      const Target target(model.impulseResponse(600));
      const Complex found = PairSearch(599).bestReal(target.sequence().values());
      QCOMPARE(found.imag() > 1, negative);
      QVERIFY(std::abs(std::log(found.real() / -0.07)) < 0.2);
    }
  }
  void sharedSearchIsShared() {
    QVERIFY(sharedPairSearch(400) == sharedPairSearch(400));
    QVERIFY(sharedPairSearch(400) != sharedPairSearch(401));
  }

  void growingRecoversSums() {
    const std::vector<Complex> wanted{{-0.3, 1.0}, {-0.03, 0.2}, {-0.002, 0.05}};
    const Target target(damped(800, wanted));
    std::vector<int> orders;
    const auto model =
        grow(target, *sharedPairSearch(799), 8, {}, {}, [&](const Candidate& c) { orders.push_back(c.order()); });
    QVERIFY(model.squaredError < 1e-10);
    QCOMPARE(orders.front(), 2);
    const Target noise(testfilters::make("NOISE_0", 300));
    QCOMPARE(grow(noise, *sharedPairSearch(299), 7).order(), 7);
  }

  void removalCostsAreExact() {
    const Target target(testfilters::make("H5w10_c0.5", 400));
    PoleSet poles = pairs({{-0.01, 0.05}, {-0.02, 0.3}, {-0.03, 0.9}});
    poles.addReal(-0.02, false);
    poles.addReal(-0.3, true);
    poles.addReal(-0.01, false);
    const auto costs = removalCosts(target, poles);
    QCOMPARE(costs.groups.size(), std::size_t(4));  // three pairs, two of the three reals
    QCOMPARE(costs.reals.size(), std::size_t(3));
    const double whole = fitResidues(target, poles).squaredError;
    for (const auto* list : {&costs.groups, &costs.reals}) {
      double previous = 0;
      for (const auto& cost : *list) {
        const double increase = fitResidues(target, poles.without(cost.rows)).squaredError - whole;
        QVERIFY(std::abs(cost.increase / increase - 1) < 1e-6);
        QVERIFY(cost.increase >= previous);
        previous = cost.increase;
      }
    }
  }

  void splittingAndMerging() {
    PoleSet nearAxis = pairs({{-0.1, 0.001}, {-0.1, std::numbers::pi - 0.001}, {-0.1, 1.0}});
    const auto split = splitAndMerged(nearAxis);
    QCOMPARE(split.pairs, 1);
    QCOMPARE(split.rows(), 5);
    QCOMPARE(split.order(), nearAxis.order());
    QVERIFY(std::abs(split.logPoles[1].real() + 0.125) < 1e-12 && std::abs(split.logPoles[2].real() + 0.08) < 1e-12);
    PoleSet close;
    close.addReal(-0.1, false);
    close.addReal(-0.101, false);
    close.addReal(-0.1, true);  // another sign: not close
    const auto merged = splitAndMerged(close);
    QCOMPARE(merged.pairs, 1);
    QCOMPARE(merged.rows(), 2);
    QVERIFY(std::abs(merged.logPoles[0] - Complex(-0.1005, 0.15 * 0.1005)) < 1e-12);
    QCOMPARE(splitAndMerged(pairs({{-0.1, 1.0}})).rows(), 0);
  }
  void finishingNeverCosts() {
    const Target target(testfilters::make("H5w10_c0.9", 500));
    const auto start = asIs(target, pairs({{-0.01, 1e-4}, {-0.02, 0.3}}), "start");
    const auto done = finished(target, start);
    QVERIFY(done.squaredError < start.squaredError);
    QCOMPARE(done.order(), 4);
    QVERIFY(std::abs(fitResidues(target, done.poles).squaredError / done.squaredError - 1) < 1e-6);
  }
  void calmingLowersCancellation() {
    const Target target(damped(400, {{-0.01, 0.1}}));
    PoleSet twins = pairs({{-0.0100, 0.1}});
    twins.addReal(-0.02, false);
    twins.addReal(-0.020001, false);
    auto wild = asIs(target, twins, "twins");
    wild.coefficients(1, 0) = 1000;  // as an ill-conditioned fit would leave them
    wild.coefficients(2, 0) = -1000;
    wild.squaredError = 1e-3;
    QVERIFY(cancellation(target, wild) > 50);
    const auto calm = calmed(target, wild);
    QVERIFY(cancellation(target, calm) < 0.7 * cancellation(target, wild));
    QVERIFY(calm.squaredError <= 1e-3 * 1.002);
    QCOMPARE(calm.order(), wild.order());
  }

  // n^2 e^{-0.02 n} wants three equal poles; what is nearest to it cancels without bound.
  void wildModesAreTamed() {
    Eigen::MatrixXd taps(600, 1);
    for (int n = 0; n < 600; ++n) taps(n, 0) = n * n * std::exp(-0.02 * n);
    const Target target(taps);
    PoleSet triple;
    for (const double decay : {-0.02, -0.020001, -0.020002}) triple.addReal(decay, false);
    const auto wild = asIs(target, triple, "triple");
    QVERIFY(cancellation(target, wild) > 1e4);
    const auto calm = calmed(target, wild);
    QVERIFY(cancellation(target, calm) <= largestCancellation);
    QVERIFY(calm.order() <= 3);
    QVERIFY(calm.squaredError < 1e-4);  // two poles leave 3e-4
    QVERIFY(std::abs(fitResidues(target, calm.poles).squaredError / calm.squaredError - 1) < 1e-3);
  }

  void multiscaleSeesEveryScale() {
    const std::vector<Complex> wanted{{-0.2, 1.0}, {-0.01, 0.05}, {-3e-4, 2e-3}};
    const Target target(damped(40000, wanted));
    const auto starts = multiscaleStarts(target, 12);
    QVERIFY(starts.size() >= 3);
    for (std::size_t i = 0; i < starts.size(); ++i) QCOMPARE(starts[i].order(), 2 * static_cast<int>(i) + 2);
    const auto fit = polish(target, starts[2], "", {.maxSteps = 40, .tolerance = 1e-10});
    QVERIFY(fit.squaredError < 1e-6);
    QVERIFY(distance(fit.poles, wanted) < 1e-2);
  }
  void swapsLeaveABadStart() {
    const std::vector<Complex> wanted{{-0.2, 1.0}, {-0.01, 0.05}};
    const Target target(damped(3000, wanted));
    auto bad = asIs(target, pairs({{-0.2, 1.0}, {-0.5, 3.0}}), "bad");
    const auto better = swapped(target, *sharedPairSearch(2999), bad, 4);
    QVERIFY(better.squaredError < 1e-3 * bad.squaredError);
  }

  // lambda = 0.5: the delta form in float32 is exact on these inputs up to single rounding; a cancelling model is not.
  void float32Recurrence() {
    StateSpace calm;
    calm.modes = {{{-0.01, 0.2}, {1, 0.5}, true}, {{-1e-4, 0.0}, 0.3, false}};
    const double error = float32RecurrenceError(calm);
    QVERIFY(error > 1e-9 && error < 3e-6);
    StateSpace wild = calm;
    wild.modes.push_back({{-0.01, 0.0}, 1e5, false});
    wild.modes.push_back({{-0.010000001, 0.0}, -1e5, false});
    QVERIFY(float32RecurrenceError(wild) > 100 * error);
    QCOMPARE(float32RecurrenceError(StateSpace{}), 0.0);
  }
};

QTEST_GUILESS_MAIN(TestStarts)
#include "test_starts.moc"
