#include <Eigen/Dense>
#include <QTest>
#include <cmath>

#include "analysis/error.h"
#include "analysis/reduction/projection.h"
#include "analysis/reduction/residues.h"
#include "analysis/reduction/varpro.h"
#include "tests/analysis/fittools.h"
#include "tests/analysis/testfilters.h"

using namespace analysis;

namespace {

std::vector<double> twoExponentials(int length) {
  StateSpace model;
  model.feedthrough = 0.3;
  model.modes = {{{-0.02, 0.4}, {0.7, 0.2}, true}, {{-0.005, 0.0}, -0.4, false}};
  return model.impulseResponse(length);
}

}  // namespace

class TestVarpro : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void targetIsScaled() {
    const auto h = testfilters::make("HT_ch0", 300);
    for (const double scale : {1.0, 1e-200, 1e200}) {
      std::vector<double> scaled = h;
      for (double& tap : scaled) tap *= scale;
      const Target target(scaled);
      QVERIFY(std::abs(target.sequence().values().norm() - 1) < 1e-14);
      QCOMPARE(target.length(), Eigen::Index(299));
      QCOMPARE(target.feedthrough(), scaled[0]);
      QVERIFY(std::abs(target.errorRelative(1) - std::sqrt(1 - h[0] * h[0])) < 1e-12);
    }
    QVERIFY(Target(std::vector<double>(5, 0.0)).isZero());
    QVERIFY(Target(std::vector<double>{1.0}).isZero());
    QVERIFY(Target(std::vector<double>{}).isZero());
    QVERIFY_THROWS_EXCEPTION(Error, Target(std::vector<double>{1, std::nan("")}));
  }

  void objectiveIsTheLeastSquaresError() {
    const Target target(testfilters::make("H5w10_c0.5", 600));
    Projection projection(target);
    QVERIFY(projection.evaluate(fittools::somePoles()));
    const Eigen::MatrixXd basis = fittools::somePoles().basis(target.length());
    const Eigen::VectorXd g = target.sequence().values();
    const Eigen::VectorXd c = basis.householderQr().solve(g);
    QVERIFY((c - projection.coefficients()).norm() < 1e-9 * c.norm());
    QVERIFY(std::abs((g - basis * c).squaredNorm() - projection.squaredError()) < 1e-12);
    const Eigen::MatrixXd inverse = (basis.transpose() * basis).inverse();
    QVERIFY((projection.inverseGram() - inverse).norm() < 1e-8 * inverse.norm());
    QVERIFY((projection.solveGram(g.head(6)) - inverse * g.head(6)).norm() < 1e-8 * inverse.norm());
  }

  void gradientMatchesDifferences() {
    for (const char* name : {"H5w10_c0.5", "HT_ch3", "NOISE_0"}) {
      const Target target(testfilters::make(name, 512));
      Projection projection(target);
      const PoleSet poles = fittools::somePoles();
      QVERIFY(projection.evaluate(poles));
      projection.linearise();
      const Eigen::VectorXd numeric = fittools::halfGradientByDifferences(target, poles);
      QVERIFY((numeric - projection.halfGradient()).norm() < 1e-4 * numeric.norm());
    }
  }

  // Kaufman's matrix is J^T J of the projected residual: check against finite differences of P d(Phi)/dx c.
  void normalMatrixIsTheProjectedJacobian() {
    const Target target(testfilters::make("H33w14_c0.5", 300));
    const PoleSet poles = fittools::somePoles();
    Projection projection(target);
    QVERIFY(projection.evaluate(poles));
    projection.linearise();
    const Eigen::Index M = target.length();
    const Eigen::MatrixXd basis = poles.basis(M);
    Eigen::MatrixXd J(M, poles.order());
    for (int i = 0; i < poles.order(); ++i) {
      const int k = i < poles.rows() ? i : i - poles.rows();
      const double step = 1e-6;
      const auto synthesis = [&](double by) {
        PoleSet q = poles;
        q.logPoles[static_cast<std::size_t>(k)] +=
            i < poles.rows() ? std::complex<double>(by) : std::complex<double>(0, by);
        return Eigen::VectorXd(q.basis(M) * projection.coefficients());
      };
      J.col(i) = (synthesis(step) - synthesis(-step)) / (2 * step);
    }
    J -= basis * basis.householderQr().solve(J);
    const Eigen::MatrixXd expected = J.transpose() * J;
    QVERIFY((expected - projection.normal()).norm() < 1e-6 * expected.norm());
  }

  void recoversExactModels() {
    const auto h = twoExponentials(400);
    const Target target(h);
    PoleSet start;
    start.addPair({-0.03, 0.35});
    start.addReal(-0.01, false);
    const auto result = varpro(target, start, {.maxSteps = 60, .tolerance = 1e-14});
    QVERIFY(result.squaredError < 1e-12);
    QVERIFY(result.steps > 1);
    const auto fit = makeFit(target, result.poles, fitResidues(target, result.poles), "test");
    QVERIFY(std::abs(fit.model.modes[0].logPole - std::complex<double>(-0.02, 0.4)) < 1e-7);
    QVERIFY(std::abs(fit.model.modes[1].logPole - std::complex<double>(-0.005, 0.0)) < 1e-7);
    QVERIFY(std::abs(fit.model.modes[0].residue - std::complex<double>(0.7, 0.2)) < 1e-5);
    QVERIFY(std::abs(fit.model.modes[1].residue - std::complex<double>(-0.4)) < 1e-5);
    QCOMPARE(fit.model.feedthrough, 0.3);
  }

  void neverWorseThanItsStart() {
    for (const char* name : {"H5w10_c0.1", "EX3%_0", "NOISE_1", "MIX"}) {
      const Target target(testfilters::make(name, 700));
      Projection projection(target);
      QVERIFY(projection.evaluate(fittools::somePoles()));
      const auto result = varpro(target, fittools::somePoles());
      QVERIFY(result.squaredError < projection.squaredError());
      QVERIFY(result.why != VarproStop::singularStart);
      for (const auto& s : result.poles.logPoles) QVERIFY(s.real() <= -1e-9 && s.real() >= -7);
      QCOMPARE(result.poles.order(), 6);
    }
  }
  void singularStartIsReported() {
    PoleSet twice;
    for (int i = 0; i < 3; ++i) twice.addPair({-1e-3, 1e-12});
    const Target target(testfilters::make("H5w10_c0.1", 200));
    const auto result = varpro(target, twice);
    if (result.why == VarproStop::singularStart) QCOMPARE(result.coefficients.size(), Eigen::Index(0));
    // Residues must still come out finite and useful.
    const auto residues = fitResidues(target, twice);
    QVERIFY(residues.coefficients.allFinite());
    QVERIFY(residues.squaredError <= 1 + 1e-12);
  }
  void stops() {
    std::stop_source source;
    source.request_stop();
    const Target target(testfilters::make("MIX", 256));
    QVERIFY_THROWS_EXCEPTION(Stopped, varpro(target, fittools::somePoles(), {}, Task(source.get_token())));
  }

  // Both ways to the residues give the least-squares solution; the residual is that of the synthesis.
  void residuesAreLeastSquares_data() {
    QTest::addColumn<double>("separation");
    for (const double separation : {1.0, 1e-2, 1e-5}) QTest::addRow("%g", separation) << separation;
  }
  void residuesAreLeastSquares() {
    QFETCH(double, separation);
    PoleSet poles = fittools::somePoles();
    const auto first = poles.logPoles[0];
    poles.addPair({first.real() * (1 + 0.3 * separation), first.imag() * (1 + 0.3 * separation)});
    const Target target(testfilters::make("H5w10_c0.9", 500));
    const auto residues = fitResidues(target, poles);
    const Eigen::MatrixXd basis = poles.basis(target.length());
    const Eigen::VectorXd g = target.sequence().values();
    const double best = (g - basis * basis.colPivHouseholderQr().solve(g)).squaredNorm();
    QVERIFY(std::abs(residues.squaredError / best - 1) < 1e-10);
    QVERIFY(std::abs(residues.residual.squaredNorm() - residues.squaredError) < 1e-14);
    const auto fit = makeFit(target, poles, residues, "test");
    const auto synthesis = fit.model.impulseResponse(500);
    for (Eigen::Index n = 0; n < 499; ++n) {
      const double expected = (g[n] - residues.residual(n, 0)) * target.norm();
      QVERIFY(std::abs(synthesis[static_cast<std::size_t>(n + 1)] - expected) < 1e-12 / separation);
    }
  }

  void fitFromPolesReflectsAndCaps() {
    const auto h = twoExponentials(64);
    const Target target(h);
    using List = std::vector<std::complex<double>>;
    const auto lambda = std::exp(std::complex<double>(-0.02, 0.4));
    const List outside{1.0 / std::conj(lambda), 1.0 / lambda, std::exp(-0.005)};
    const auto fit = fitFromPoles(target, outside, "reflected");
    QVERIFY(fit.errorRelative < 1e-13);
    QCOMPARE(fit.model.order(), 3);
    QCOMPARE(fit.method, std::string("reflected"));
    const Target tiny(std::vector<double>{1, 2, 3});
    const auto capped = fitFromPoles(tiny, List{0.5, 0.4, 0.3, -0.2}, "capped");
    QCOMPARE(capped.model.order(), 2);
    QVERIFY(capped.errorRelative < 1e-12);
  }
};

QTEST_GUILESS_MAIN(TestVarpro)
#include "test_varpro.moc"
