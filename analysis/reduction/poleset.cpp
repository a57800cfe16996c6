#include "analysis/reduction/poleset.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "analysis/reduction/powers.h"

namespace analysis {

namespace {

using Complex = std::complex<double>;
using Eigen::Index;
constexpr double pi = std::numbers::pi;

// exp(p) cos(w) of a real pole.
double onAxis(Complex logPole) {
  return (logPole.imag() > 1 ? -1 : 1) * std::exp(logPole.real());
}

}  // namespace

PoleSet PoleSet::fromEigenvalues(std::span<const Complex> eigenvalues, const PoleLimits& limits) {
  PoleSet set;
  const auto reflected = [](double decay) { return decay > 0 ? -decay : decay; };
  for (const Complex& pole : eigenvalues) {
    if (pole.imag() <= 1e-12 * std::abs(pole)) continue;
    set.addPair({reflected(std::log(std::abs(pole))), std::arg(pole)});
  }
  for (const Complex& pole : eigenvalues) {
    if (std::abs(pole.imag()) > 1e-12 * std::abs(pole)) continue;
    set.addReal(reflected(std::log(std::max(std::abs(pole.real()), 1e-15))), pole.real() < 0);
  }
  set.clip(limits);
  return set;
}

PoleSet PoleSet::of(const StateSpace& model) {
  PoleSet set;
  for (const Mode& mode : model.modes) {
    if (mode.pair) set.addPair(mode.logPole);
  }
  for (const Mode& mode : model.modes) {
    if (!mode.pair) set.addReal(mode.logPole.real(), mode.logPole.imag() > 1);
  }
  return set;
}

void PoleSet::clip(const PoleLimits& limits) {
  for (int k = 0; k < rows(); ++k) {
    Complex& s = logPoles[static_cast<std::size_t>(k)];
    const double decay = std::clamp(s.real(), limits.fastest, limits.slowest);
    double angle = s.imag();
    if (k < pairs) {
      angle = std::abs(std::remainder(angle, 2 * pi));
      angle = std::clamp(angle, 1e-12, pi - 1e-9);
    }
    s = {decay, angle};
  }
}

void PoleSet::addPair(Complex logPole) {
  logPoles.insert(logPoles.begin() + pairs++, logPole);
}

void PoleSet::addReal(double decay, bool negative) {
  logPoles.emplace_back(decay, negative ? pi : 0.0);
}

PoleSet PoleSet::without(std::span<const int> dropped) const {
  PoleSet rest;
  for (int k = 0; k < rows(); ++k) {
    if (std::find(dropped.begin(), dropped.end(), k) != dropped.end()) continue;
    rest.logPoles.push_back(logPoles[static_cast<std::size_t>(k)]);
    if (k < pairs) ++rest.pairs;
  }
  return rest;
}

std::vector<std::vector<int>> PoleSet::groups() const {
  std::vector<std::vector<int>> result;
  result.reserve(static_cast<std::size_t>(rows()));
  for (int k = 0; k < pairs; ++k) result.push_back({k});
  std::vector<int> reals;
  for (int k = pairs; k < rows(); ++k) reals.push_back(k);
  std::stable_sort(reals.begin(), reals.end(), [this](int a, int b) {
    return onAxis(logPoles[static_cast<std::size_t>(a)]) < onAxis(logPoles[static_cast<std::size_t>(b)]);
  });
  for (std::size_t i = 0; i < reals.size(); i += 2) {
    result.emplace_back(reals.begin() + static_cast<std::ptrdiff_t>(i),
                        reals.begin() + static_cast<std::ptrdiff_t>(std::min(i + 2, reals.size())));
  }
  return result;
}

StateSpace PoleSet::model(double feedthrough, const Eigen::VectorXd& coefficients) const {
  StateSpace result;
  result.feedthrough = feedthrough;
  for (int k = 0; k < rows(); ++k) {
    const bool pair = k < pairs;
    const Complex residue = pair ? 0.5 * Complex(coefficients[k], -coefficients[rows() + k]) : coefficients[k];
    result.modes.push_back({logPoles[static_cast<std::size_t>(k)], residue, pair});
  }
  result.sortModes();
  return result;
}

Eigen::MatrixXd PoleSet::synthesis(const Eigen::MatrixXd& coefficients, Index length) const {
  Eigen::MatrixXd out = Eigen::MatrixXd::Zero(length, coefficients.cols());
  std::vector<Complex> weights(logPoles.size());
  for (Index c = 0; c < coefficients.cols(); ++c) {
    for (int k = 0; k < rows(); ++k) {
      const double sine = k < pairs ? -coefficients(rows() + k, c) : 0.0;
      weights[static_cast<std::size_t>(k)] = {coefficients(k, c), sine};
    }
    addExponentials(logPoles, weights, {out.col(c).data(), static_cast<std::size_t>(length)});
  }
  return out;
}

Eigen::MatrixXd PoleSet::basis(Index length) const {
  PowerTable table;
  table.fill(logPoles, 1, length);
  Eigen::MatrixXd columns(length, order());
  columns.leftCols(rows()) = table.real.transpose();
  columns.rightCols(pairs) = table.imaginary.topRows(pairs).transpose();
  return columns;
}

}  // namespace analysis
