#include <Eigen/Dense>
#include <QTest>
#include <cmath>
#include <numbers>

#include "analysis/error.h"
#include "analysis/reduction/bandedroot.h"
#include "analysis/reduction/projection.h"
#include "analysis/reduction/reducer.h"
#include "analysis/reduction/residues.h"
#include "tests/analysis/fittools.h"
#include "tests/analysis/testfilters.h"

using namespace analysis;
using fittools::filterOf;

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// The autocorrelation of a first-order process: r[k] = a^k.
std::vector<double> firstOrder(double a, int lags) {
  std::vector<double> r;
  for (int k = 0; k <= lags; ++k) r.push_back(std::pow(a, k));
  return r;
}

MatrixXd dense(std::span<const double> lags, Index size) {
  MatrixXd R = MatrixXd::Zero(size, size);
  for (Index i = 0; i < size; ++i)
    for (Index j = 0; j < size; ++j)
      if (std::abs(i - j) < std::ssize(lags)) R(i, j) = lags[static_cast<std::size_t>(std::abs(i - j))];
  return R;
}

PoleSet somePoles() {
  PoleSet poles;
  poles.addPair({-0.01, 0.05});
  poles.addPair({-0.03, 0.4});
  poles.addPair({-3.0, 2.0});
  poles.addReal(-0.05, false);
  poles.addReal(-0.2, true);
  return poles;
}

}  // namespace

class TestInputWeight : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void bandsHaveTheSpectrumAskedFor() {
    const auto weight = InputWeight::band(0.5, 1.0);
    const double inside = weight.spectrum(0.75), outside = weight.spectrum(2.5);
    QVERIFY2(outside / inside > 0.008 && outside / inside < 0.02, qPrintable(QString::number(outside / inside)));
    QVERIFY(weight.spectrum(0.5) > 0.4 * inside && weight.spectrum(0.5) < 0.6 * inside);
    double power = 0;  // the mean over frequency is r[0] = 1
    for (int k = 0; k < 4096; ++k) power += weight.spectrum(2 * std::numbers::pi * (k + 0.5) / 4096) / 4096;
    QVERIFY(std::abs(power - 1) < 1e-12);
    QCOMPARE(weight.autocorrelation()[0], 1.0);
    QCOMPARE(std::ssize(weight.autocorrelation()), std::ptrdiff_t(InputWeight::usualLags + 1));
  }

  void measuredOnesKeepTheirSpectrum() {
    // 1/|1 - a z|^2 times (1 - a^2), smoothed over the taper's width; the floor stays below it.
    const double a = 0.7;
    const auto weight = InputWeight::measured(firstOrder(a, 400), 200, 1e-3);
    for (const double w : {0.0, 0.4, 1.5, 3.0}) {
      const double expected = (1 - a * a) / (1 + a * a - 2 * a * std::cos(w));
      QVERIFY(std::abs(weight.spectrum(w) / expected - 1) < 0.04);
    }
  }

  void productsAndRootMatchTheMatrix() {
    const auto weight = InputWeight::band(0.1, 0.9, 20);
    for (const int size : {1, 5, 21, 60}) {
      const MatrixXd R = dense(weight.autocorrelation(), size);
      VectorXd x(size);
      for (int n = 0; n < size; ++n) x[n] = std::sin(n * n + 1.0);
      QVERIFY((weight.correlate(x) - R * x).norm() < 1e-13 * x.norm());
      const BandedRoot root(weight.autocorrelation(), size);
      MatrixXd both(size, 2);
      both << x, VectorXd::Ones(size);
      MatrixXd images = both;
      root.applyTransposed(images);
      QVERIFY((images.transpose() * images - both.transpose() * R * both).norm() < 1e-11 * both.squaredNorm());
    }
    QVERIFY_THROWS_EXCEPTION(Error, BandedRoot(std::vector<double>{1, 0.9}, 10));
  }

  void gramsMatchDenseSums_data() {
    QTest::addColumn<int>("length");
    QTest::addColumn<int>("lags");
    for (const int length : {1, 2, 9, 64, 700})
      for (const int lags : {0, 1, 8, 100}) QTest::addRow("%d taps, %d lags", length, lags) << length << lags;
  }
  void gramsMatchDenseSums() {
    QFETCH(int, length);
    QFETCH(int, lags);
    const auto weight = InputWeight::band(0.2, 1.0, lags);
    const PoleSet poles = somePoles();
    GramSums sums;
    sums.computeWeighted(poles, length, weight.autocorrelation());
    const MatrixXd phi = poles.basis(length), R = dense(weight.autocorrelation(), length);
    const MatrixXd moved = VectorXd::LinSpaced(length, 0, length - 1).asDiagonal() * phi;
    const MatrixXd expected[] = {phi.transpose() * R * phi, phi.transpose() * R * moved, moved.transpose() * R * moved};
    for (std::size_t q = 0; q < 3; ++q)
      QVERIFY((sums.moments[q] - expected[q]).norm() <= 1e-11 * std::max(expected[q].norm(), 1.0));
  }

  // Residues of given poles are those of the normal equations Phi^T R Phi c = Phi^T R g; errors as defined.
  void residuesSolveTheWeightedEquations() {
    const auto h = testfilters::make("H5w10_c0.5", 400);
    const auto weight = InputWeight::band(0, 0.4);
    const Target target(h, weight);
    const MatrixXd phi = somePoles().basis(399), R = dense(weight.autocorrelation(), 399);
    const VectorXd g = target.sequence().values();
    const VectorXd c = (phi.transpose() * R * phi).ldlt().solve(phi.transpose() * R * g);
    const Residues residues = fitResidues(target, somePoles());
    QVERIFY((residues.coefficients - c).norm() < 1e-6 * c.norm());
    const VectorXd e = g - phi * c;
    QVERIFY(std::abs(residues.squaredError - e.dot(R * e) / g.dot(R * g)) < 1e-10);
    const Fit fit = makeFit(target, somePoles(), residues, "");
    const auto model = fit.model.impulseResponse(400);
    QVERIFY(fit.errorWeighted.has_value());
    QVERIFY(std::abs(*fit.errorWeighted - errorWeighted(h, model, weight)) < 1e-9);
  }

  void gradientMatchesDifferences() {
    const Target target(testfilters::make("HT_ch3", 512), InputWeight::measured(firstOrder(0.8, 64)));
    Projection projection(target);
    const PoleSet poles = somePoles();
    QVERIFY(projection.evaluate(poles));
    projection.linearise();
    const VectorXd numeric = fittools::halfGradientByDifferences(target, poles);
    QVERIFY((numeric - projection.halfGradient()).norm() < 1e-4 * numeric.norm());
  }

  void whiteIsNoWeight() {
    const auto filter = filterOf(testfilters::make("H5w10_c0.9", 600));
    const Reducer plain(filter, 12), white(filter, 12, {}, InputWeight::measured(std::vector<double>{3.0}));
    for (const int order : {1, 5, 12}) {
      const Fit a = plain.fit(order, {}, Effort::standard), b = white.fit(order, {}, Effort::standard);
      QVERIFY(!a.errorWeighted && b.errorWeighted);
      QVERIFY(std::abs(a.errorRelative - b.errorRelative) < 1e-6);
      QVERIFY(std::abs(*b.errorWeighted - b.errorRelative) < 1e-9);
    }
  }

  // What the weight is for: less error where the input is, at the price of more elsewhere.
  void weightedFitsAreBetterWhereItCounts_data() {
    QTest::addColumn<QString>("name");
    for (const char* name : {"H5w10_c0.5", "HT_ch0", "S4D_0", "EX3%_0"}) QTest::newRow(name) << QString(name);
  }
  void weightedFitsAreBetterWhereItCounts() {
    QFETCH(QString, name);
    const auto h = testfilters::make(name.toStdString(), 700);
    const auto filter = filterOf(h);
    const auto weight = InputWeight::band(0, 0.3);
    const Reducer plain(filter, 8), heard(filter, 8, {}, weight);
    for (const Effort effort : {Effort::quick, Effort::standard, Effort::full}) {
      const Fit a = plain.fit(8, {}, effort), b = heard.fit(8, {}, effort);
      const double usual = errorWeighted(h, a.model.impulseResponse(700), weight);
      QVERIFY2(*b.errorWeighted <= usual * 1.001, qPrintable(QString("%1 %2").arg(*b.errorWeighted).arg(usual)));
      // Quicker efforts may find the better plain optimum by way of the weight.
      if (effort == Effort::full) QVERIFY(b.errorRelative >= a.errorRelative * 0.98);
      QVERIFY(std::abs(errorWeighted(h, b.model.impulseResponse(700), weight) - *b.errorWeighted) < 1e-9);
    }
    const Fit best = heard.fit(8, {}, Effort::full);
    QVERIFY(*best.errorWeighted <
            0.97 * errorWeighted(h, plain.fit(8, {}, Effort::full).model.impulseResponse(700), weight));
    const auto curve = heard.curve(4);
    for (std::size_t d = 1; d <= 8; ++d)
      QVERIFY(*curve->fits[d]->errorWeighted <= *curve->fits[d - 1]->errorWeighted * (1 + 1e-9));
  }

  void refusesWhatIsNoWeight() {
    const double inf = std::numeric_limits<double>::infinity();
    using Lags = std::vector<double>;
    for (const Lags& bad : {Lags{}, Lags{0, 0}, Lags{-1}, Lags{1, inf}, Lags{1, 0.9, -0.9}, Lags{1, 5}})
      QVERIFY_THROWS_EXCEPTION(Error, InputWeight::measured(bad));
    QVERIFY_THROWS_EXCEPTION(Error, InputWeight::band(0.5, 0.5));
    QVERIFY_THROWS_EXCEPTION(Error, InputWeight::band(-0.1, 0.5));
    QVERIFY_THROWS_EXCEPTION(Error, InputWeight::band(0.1, 4));
    QVERIFY_THROWS_EXCEPTION(Error, InputWeight::band(0.1, std::nan("")));
    const std::vector<double> zeros(20, 0.0);
    QVERIFY(Target(zeros, InputWeight::band(0, 1)).isZero());
  }
};

QTEST_GUILESS_MAIN(TestInputWeight)
#include "test_inputweight.moc"
