#include <Eigen/Dense>
#include <QTest>
#include <cmath>
#include <tuple>

#include "analysis/error.h"
#include "analysis/reduction/joint.h"
#include "analysis/reduction/projection.h"
#include "analysis/reduction/residues.h"
#include "analysis/response/bounds.h"
#include "tests/analysis/fittools.h"
#include "tests/analysis/testfilters.h"

using namespace analysis;
using fittools::errorOf;
using fittools::filterOf;

namespace {

using Filters = std::vector<std::shared_ptr<const Filter>>;

// Five states in common: two pairs and a real pole.
Filters withCommonPoles(int count, int length) {
  Filters filters;
  testfilters::SplitMix64 random(3);
  for (int c = 0; c < count; ++c) {
    const auto x = random.normals(6);
    StateSpace model;
    model.feedthrough = x[5];
    model.modes = {{{-0.02, 0.3}, {x[0], x[1]}, true}, {{-0.05, 1.4}, {x[2], x[3]}, true}, {{-0.03, 0}, x[4], false}};
    filters.push_back(filterOf(model.impulseResponse(length)));
  }
  return filters;
}

Filters differentOnes() {
  return {filterOf(testfilters::make("H5w10_c0.5", 500)), filterOf(testfilters::make("HT_ch0", 500)),
          filterOf(testfilters::make("S4D_0", 500))};
}

Eigen::MatrixXd sideBySide(const Filters& filters) {
  Eigen::MatrixXd g(static_cast<Eigen::Index>(filters[0]->taps.size()) - 1, std::ssize(filters));
  for (Eigen::Index c = 0; c < g.cols(); ++c)
    for (Eigen::Index n = 0; n < g.rows(); ++n)
      g(n, c) = filters[static_cast<std::size_t>(c)]->taps[static_cast<std::size_t>(n) + 1];
  return g;
}

}  // namespace

class TestJoint : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  // Objective, coefficients and gradient of several channels against dense least squares and differences.
  void objectiveIsTheSumOverChannels() {
    const Eigen::MatrixXd g = sideBySide(differentOnes());
    const Target target(g);
    QCOMPARE(target.channels(), Eigen::Index(3));
    const PoleSet poles = fittools::somePoles();
    Projection projection(target);
    QVERIFY(projection.evaluate(poles));
    projection.linearise();
    const Eigen::MatrixXd basis = poles.basis(g.rows()), unit = g / g.norm();
    const Eigen::MatrixXd c = basis.householderQr().solve(unit);
    QVERIFY((c - projection.coefficients()).norm() < 1e-9 * c.norm());
    QVERIFY(std::abs((unit - basis * c).squaredNorm() - projection.squaredError()) < 1e-12);
    const Residues residues = fitResidues(target, poles);
    QVERIFY((residues.residual - (unit - basis * c)).norm() < 1e-10);
    const Eigen::VectorXd numeric = fittools::halfGradientByDifferences(target, poles);
    QVERIFY((numeric - projection.halfGradient()).norm() < 1e-4 * numeric.norm());
  }

  // Rotating the channels changes nothing that the descent sees: why principal components may stand for filters.
  void rotationChangesNothing() {
    const Eigen::MatrixXd g = sideBySide(differentOnes());
    Eigen::Matrix3d mix;
    mix << 1, 2, -1, 0.5, -1, 2, 3, 1, 1;
    const Eigen::Matrix3d rotation = Eigen::Matrix3d(mix.householderQr().householderQ());
    const Target plain(g), turned(Eigen::MatrixXd(g * rotation));
    Projection a(plain), b(turned);
    QVERIFY(a.evaluate(fittools::somePoles()) && b.evaluate(fittools::somePoles()));
    a.linearise();
    b.linearise();
    QVERIFY(std::abs(a.squaredError() - b.squaredError()) < 1e-12);
    QVERIFY((a.halfGradient() - b.halfGradient()).norm() < 1e-9 * a.halfGradient().norm());
    QVERIFY((a.normal() - b.normal()).norm() < 1e-9 * a.normal().norm());
  }

  void recoversCommonPoles() {
    for (const int count : {1, 2, 7}) {
      const Filters filters = withCommonPoles(count, 700);
      const JointFit joint = fitTogether(filters, 5);
      QVERIFY2(joint.errorRelative < 1e-9, qPrintable(QString::number(joint.errorRelative)));
      QCOMPARE(joint.fits.size(), filters.size());
      QVERIFY(std::abs(joint.fits[0].model.modes[0].logPole - std::complex<double>(-0.02, 0.3)) < 1e-7);
      for (std::size_t c = 0; c < filters.size(); ++c) {
        QVERIFY(errorOf(filters[c]->taps, joint.fits[c].model) < 1e-9);
        QCOMPARE(joint.fits[c].model.feedthrough, filters[c]->taps[0]);
      }
    }
  }

  // One real pole for two filters: a fine grid knows the answer.
  void matchesBruteForce() {
    StateSpace slow, fast;
    slow.modes = {{{-0.01, 0}, 1.0, false}};
    fast.modes = {{{-0.04, 0}, 1.0, false}};
    const Filters filters{filterOf(slow.impulseResponse(400)), filterOf(fast.impulseResponse(400))};
    double best = 2;
    for (double p = 0.005; p < 0.08; p *= 1.0005) {
      PoleSet pole;
      pole.addReal(-p, false);
      double sum = 0;
      for (const auto& filter : filters) {
        const Target target(filter->taps);
        const double e = target.errorRelative(fitResidues(target, pole).squaredError);
        sum += e * e;
      }
      best = std::min(best, sum);
    }
    const double found = fitTogether(filters, 1).errorRelative;
    QVERIFY(std::abs(2 * found * found / best - 1) < 1e-5);
  }

  void equalFiltersShareForFree() {
    const auto filter = filterOf(testfilters::make("HT_ch3", 600));
    const double own = Reducer(filter, 8).fit(8, {}, Effort::standard).errorRelative;
    const Filters filters{filter, filter, filter};
    QVERIFY(fitTogether(filters, 8).errorRelative <= 1.002 * own);
  }

  // Honest errors, the same poles bit for bit, stable, above the certificate; more effort is never worse.
  void modelsAreWhatTheySay() {
    const Filters filters = differentOnes();
    double previous = 1;
    for (const Effort effort : {Effort::quick, Effort::standard, Effort::full}) {
      const JointFit joint = fitTogether(filters, 9, effort);
      QCOMPARE(joint.poles.order(), 9);
      double sum = 0;
      for (std::size_t c = 0; c < filters.size(); ++c) {
        const auto& [taps, fit] = std::tie(filters[c]->taps, joint.fits[c]);
        QVERIFY(std::abs(errorOf(taps, fit.model) - fit.errorRelative) < 1e-12);
        QVERIFY(fit.errorRelative >= certificate(taps, 9).error[9]);
        QVERIFY(fit.model.spectralRadius() <= 1 - 1e-9);
        for (std::size_t k = 0; k < fit.model.modes.size(); ++k)
          QCOMPARE(fit.model.modes[k].logPole, joint.fits[0].model.modes[k].logPole);
        sum += fit.errorRelative * fit.errorRelative;
      }
      QVERIFY(std::abs(std::sqrt(sum / 3) - joint.errorRelative) < 1e-12);
      QVERIFY(joint.errorRelative <= previous * (1 + 1e-9));
      previous = joint.errorRelative;
    }
  }

  void degenerateFilters() {
    const auto zero = filterOf(std::vector<double>(100, 0.0)), one = filterOf({2.0}), two = filterOf({2.0, 1.0});
    QCOMPARE(fitTogether(Filters{zero, zero}, 3).errorRelative, 0.0);
    QCOMPARE(fitTogether(Filters{one}, 3).errorRelative, 0.0);
    QVERIFY(fitTogether(Filters{two, two}, 3).errorRelative < 1e-12);
    const auto some = filterOf(testfilters::make("H3w1_c0.1", 128));
    const auto mixed = fitTogether(Filters{filterOf(std::vector<double>(128, 0.0)), some}, 4);
    QCOMPARE(mixed.fits[0].errorRelative, 0.0);
    QVERIFY(mixed.fits[1].errorRelative < 1e-3);
  }

  void refusesBadInput() {
    const auto some = filterOf(testfilters::make("HT_ch0", 200));
    QVERIFY_THROWS_EXCEPTION(Error, fitTogether(Filters{}, 4));
    QVERIFY_THROWS_EXCEPTION(Error, fitTogether(Filters{some}, 0));
    QVERIFY_THROWS_EXCEPTION(Error, fitTogether(Filters{some, filterOf({1, 2, 3})}, 4));
    QVERIFY_THROWS_EXCEPTION(Error, fitTogether(Filters{filterOf({1, std::nan("")})}, 1));
    std::stop_source source;
    source.request_stop();
    QVERIFY_THROWS_EXCEPTION(Stopped, fitTogether(Filters{some}, 4, Effort::standard, Task(source.get_token())));
  }

  void countsStoredNumbers() {
    QCOMPARE(storedNumbers(8, 10), 170LL);        // 10 x (8 + 8 + 1)
    QCOMPARE(storedNumbers(8, 10, 10), 98LL);     // 8 + 10 x 9
    QCOMPARE(storedNumbers(8, 10, 4), 114LL);     // three sets
  }
};

QTEST_GUILESS_MAIN(TestJoint)
#include "test_joint.moc"
