// Conversions between modes and numerator/denominator coefficients, their condition, and roots of polynomials.
#include <QtTest>
#include <cmath>

#include "analysis/error.h"
#include "analysis/reduction/methods/method.h"
#include "analysis/reduction/methods/poles.h"
#include "analysis/reduction/methods/rational.h"
#include "analysis/reduction/methods/rtf.h"
#include "tests/analysis/testfilters.h"

using namespace analysis;
using Complex = std::complex<double>;

namespace {

StateSpace sample() {
  const Complex z = std::polar(0.95, 0.8), w = std::polar(0.7, 2.2);
  return StateSpace::fromPoles(
      0.5, std::vector<Complex>{z, std::conj(z), w, std::conj(w), 0.9, -0.4},
      std::vector<Complex>{{1, 0.3}, {1, -0.3}, {-0.2, 0.5}, {-0.2, -0.5}, {0.7, 0}, {1.1, 0}});
}

double largestDifference(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = a.size() == b.size() ? 0 : INFINITY;
  for (std::size_t n = 0; n < std::min(a.size(), b.size()); ++n) largest = std::max(largest, std::abs(a[n] - b[n]));
  return largest;
}

}  // namespace

class TestMethodsRational : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void rootsOfKnownPolynomial() {
    // (z - 1)(z - 2)(z^2 + 1) = z^4 - 3 z^3 + 3 z^2 - 3 z + 2
    const std::vector<double> c = {-3, 3, -3, 2};
    Poles roots = conjugatePoles(polynomialRoots(c)).all();
    QCOMPARE(roots.size(), 4u);
    QVERIFY(std::abs(roots[0] - Complex(0, 1)) < 1e-14);
    QVERIFY(std::abs(roots[2] * roots[3] - 2.0) < 1e-13 && std::abs(roots[2] + roots[3] - 3.0) < 1e-13);
    const auto back = polynomialFromRoots(conjugatePoles(roots));
    for (std::size_t i = 0; i < 4; ++i) QVERIFY(std::abs(back[i] - c[i]) < 1e-13);
  }

  // Without balancing, coefficients over twenty decades would cost all digits of the small roots.
  void rootsOfBadlyScaledPolynomial() {
    ConjugatePoles wanted{{}, {1e-10, 1e-5, 1.0, 1e5, 1e10}};
    auto roots = conjugatePoles(polynomialRoots(polynomialFromRoots(wanted))).reals;
    std::sort(roots.begin(), roots.end());
    QCOMPARE(roots.size(), 5u);
    for (std::size_t k = 0; k < 5; ++k) QVERIFY(std::abs(roots[k] / wanted.reals[k] - 1) < 1e-9);
  }

  void roundTrip() {
    const StateSpace model = sample();
    const Rational rational = toRational(model, 1e-6);
    QCOMPARE(rational.order(), 6);
    QVERIFY(largestDifference(rational.impulseResponse(300), model.impulseResponse(300)) < 1e-12);
    QVERIFY(largestDifference(toModal(rational).impulseResponse(300), model.impulseResponse(300)) < 1e-10);
  }

  void periodicKernel() {
    const StateSpace model = sample();
    const Rational rational = toRational(model, 1e-6);
    const int length = 64;  // short: the periodised response differs visibly from the response itself
    std::vector<double> folded(length, 0.0);
    const auto h = model.impulseResponse(64 * length);
    for (std::size_t n = 0; n < h.size(); ++n) folded[n % length] += h[n];
    const auto kernel = rational.periodicKernel(length);
    QVERIFY(largestDifference(kernel, folded) < 1e-12);
    QVERIFY(std::abs(kernel[1] - h[1]) > 1e-3);
    const auto recurrence = toModal(rational, length).impulseResponse(length);
    for (int n = 1; n < length; ++n) QVERIFY(std::abs(recurrence[n] - kernel[n]) < 1e-10);
    QVERIFY_THROWS_EXCEPTION(Error, rational.periodicKernel(6));
  }

  // a(z) = (z - x)(z - y): sum_j |a_j z^(d-j)| / (|z| |a'(z)|) by hand.
  void conditionOfTwoPoles() {
    const double x = 0.9, y = 0.8;
    const auto model = StateSpace::fromPoles(0, std::vector<Complex>{x, y}, std::vector<Complex>{1, 1});
    const auto at = [&](double z) { return (z * z + (x + y) * z + x * y) / (z * (x - y)); };
    QVERIFY(std::abs(rootCondition(model) / std::max(at(x), at(y)) - 1) < 1e-12);
  }

  void crowdedPolesAreRefused() {
    std::vector<Complex> poles, residues;
    for (int k = 1; k <= 16; ++k) poles.push_back(1 - 1e-3 * k), residues.push_back(1);
    const auto crowd = StateSpace::fromPoles(0, poles, residues);
    QVERIFY(rootCondition(crowd) > 1e16);
    try {
      toRational(crowd, 1e-4);
      QFAIL("coefficients without digits were handed out");
    } catch (const Error& error) {
      QCOMPARE(error.kind(), ErrorKind::numerical);
      QVERIFY(std::string(error.what()).find("condition") != std::string::npos);
    }
    QVERIFY_THROWS_EXCEPTION(Error, toRational(sample(), 1e-12, 1e-7));
  }

  void unusableCoefficientsAreRefused() {
    QVERIFY_THROWS_EXCEPTION(Error, toModal({0, {1}, {-1.5}}));         // pole at 1.5
    QVERIFY_THROWS_EXCEPTION(Error, toModal({0, {1}, {-1, 0.2}}));      // one numerator coefficient missing
  }

  // (z - 1/2)^2 has no exact modal form; its two computed roots lie 1e-8 apart and their modes still add up.
  void doublePole() {
    const Rational rational{0, {1, 0}, {-1, 0.25}};
    QVERIFY(largestDifference(toModal(rational).impulseResponse(40), rational.impulseResponse(40)) < 1e-6);
  }

  void steiglitzMcBrideFindsItsOwnModel() {
    const auto h = sample().impulseResponse(400);
    const auto fit = steiglitzMcBrideFit(std::span(h).subspan(1), 6, {});
    QVERIFY(largestDifference(fit.rational.denominator, toRational(sample(), 1e-6).denominator) < 1e-8);
    QVERIFY(largestDifference(fit.rational.numerator, toRational(sample(), 1e-6).numerator) < 1e-8);
  }
};

QTEST_GUILESS_MAIN(TestMethodsRational)
#include "test_methods_rational.moc"
