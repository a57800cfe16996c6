#include "analysis/reduction/methods/rational.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "analysis/error.h"
#include "analysis/reduction/methods/poles.h"
#include "analysis/response/fft.h"

namespace analysis {
namespace {

using Complex = std::complex<double>;

ConjugatePoles polesOf(const StateSpace& model) {
  return conjugatePoles(model.poles());
}

// a'(lambda_k) for the polynomial in z: the product of distances to the other poles.
Complex derivative(const Poles& poles, std::size_t k) {
  Complex product = 1;
  for (std::size_t j = 0; j < poles.size(); ++j)
    if (j != k) product *= poles[k] - poles[j];
  return product;
}

}  // namespace

std::vector<double> Rational::impulseResponse(int length) const {
  std::vector<double> h(std::max(length, 0), 0.0);
  const int d = order();
  for (int n = 1; n < length; ++n) {
    double sum = n <= static_cast<int>(numerator.size()) ? numerator[n - 1] : 0;
    for (int k = 1; k <= std::min(d, n - 1); ++k) sum -= denominator[k - 1] * h[n - k];
    h[n] = sum;
  }
  if (length > 0) h[0] = feedthrough;
  return h;
}

std::vector<double> Rational::periodicKernel(int length) const {
  if (length <= order())
    throw Error(ErrorKind::input, "Rational transfer function", "the kernel is not longer than the order",
                "ask for at least " + std::to_string(order() + 1) + " taps");
  const RealFft<double> fft(length);
  std::vector<double> x(length, 0.0);
  std::copy(numerator.begin(), numerator.end(), x.begin() + 1);
  std::vector<Complex> b(fft.bins()), a(fft.bins());
  fft.forward(x, b);
  std::fill(x.begin(), x.end(), 0.0);
  x[0] = 1;
  std::copy(denominator.begin(), denominator.end(), x.begin() + 1);
  fft.forward(x, a);
  for (std::size_t k = 0; k < a.size(); ++k) b[k] /= a[k];
  fft.inverse(b, x);
  x[0] += feedthrough;
  return x;
}

double rootCondition(const StateSpace& model) {
  const auto poles = model.poles();
  const auto a = polynomialFromRoots(polesOf(model));
  double worst = 0;
  for (std::size_t k = 0; k < poles.size(); ++k) {
    const double radius = std::abs(poles[k]);
    double sum = 1;  // Horner on |a_j|
    for (const double c : a) sum = sum * radius + std::abs(c);
    worst = std::max(worst, sum / (radius * std::abs(derivative(poles, k))));
  }
  return worst;
}

Rational toRational(const StateSpace& model, double tolerance, double epsilon) {
  const double condition = rootCondition(model);
  if (!(condition * epsilon <= tolerance)) {
    std::ostringstream problem;
    problem.precision(2);
    problem << "poles lie too close together for b/a coefficients (root condition " << condition << ")";
    throw Error(ErrorKind::numerical, "Rational transfer function", problem.str(), "export the modal form instead");
  }
  Rational out;
  out.feedthrough = model.feedthrough;
  const ConjugatePoles poles = polesOf(model);
  out.denominator = polynomialFromRoots(poles);
  out.numerator.assign(out.denominator.size(), 0.0);
  for (std::size_t mode = 0; mode < model.modes.size(); ++mode) {
    ConjugatePoles others;
    for (std::size_t k = 0; k < model.modes.size(); ++k) {
      if (k == mode) continue;
      const Complex z = model.modes[k].pole();
      if (model.modes[k].pair)
        others.pairs.push_back(z);
      else
        others.reals.push_back(z.real());
    }
    auto product = polynomialFromRoots(others);
    product.insert(product.begin(), 1.0);
    // A pair adds (2 Re R - 2 Re(R conj lambda) z^-1) times the other factors.
    const Complex z = model.modes[mode].pole(), r = model.modes[mode].residue;
    const bool pair = model.modes[mode].pair;
    const double constant = pair ? 2 * r.real() : r.real(), linear = pair ? -2 * (r * std::conj(z)).real() : 0;
    for (std::size_t i = 0; i < product.size(); ++i) {
      out.numerator[i] += constant * product[i];
      if (pair) out.numerator[i + 1] += linear * product[i];
    }
  }
  return out;
}

StateSpace toModal(const Rational& rational, int periodLength) {
  if (rational.numerator.size() != rational.denominator.size())
    throw Error(ErrorKind::input, "Rational transfer function", "numerator and denominator differ in length",
                "pad the shorter with zeros");
  const Poles poles = conjugatePoles(polynomialRoots(rational.denominator)).all();
  std::vector<Complex> residues;
  for (std::size_t k = 0; k < poles.size(); ++k) {
    if (!(std::abs(poles[k]) < 1))
      throw Error(ErrorKind::numerical, "Rational transfer function", "a pole is not inside the unit circle",
                  "fit the kernel with a stable method instead");
    Complex b = 0;
    for (const double c : rational.numerator) b = b * poles[k] + c;
    const Complex slope = derivative(poles, k);
    if (slope == 0.0)
      throw Error(ErrorKind::numerical, "Rational transfer function", "a pole is double and has no modal form",
                  "fit the kernel instead");
    Complex r = b / slope;
    if (periodLength > 0) r /= 1.0 - std::pow(poles[k], periodLength);
    residues.push_back(r);
  }
  return StateSpace::fromPoles(rational.feedthrough, poles, residues);
}

}  // namespace analysis
