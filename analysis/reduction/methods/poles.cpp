#include "analysis/reduction/methods/poles.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "analysis/error.h"

namespace analysis {
namespace {

using Complex = std::complex<double>;

// Scales rows and columns by powers of two until their norms agree; exact, so eigenvalues keep their bits.
void balance(Eigen::MatrixXd& a) {
  bool changed = true;
  for (int sweep = 0; changed && sweep < 100; ++sweep) {
    changed = false;
    for (Eigen::Index i = 0; i < a.rows(); ++i) {
      const double diagonal = std::abs(a(i, i));
      double column = a.col(i).lpNorm<1>() - diagonal, row = a.row(i).lpNorm<1>() - diagonal;
      if (!(column > 0) || !(row > 0)) continue;
      const double before = column + row;
      int exponent = 0;
      while (column < row / 2) column *= 4, ++exponent;
      while (column >= row * 2) column /= 4, --exponent;
      const double factor = std::ldexp(1.0, exponent);
      if (exponent == 0 || (column / factor + row / factor) >= 0.95 * before) continue;
      a.col(i) *= factor;
      a.row(i) /= factor;
      changed = true;
    }
  }
}

Complex reflected(Complex z) {
  const double radius = std::abs(z);
  if (radius == 0) return std::exp(smallestLogRadius);
  double p = std::log(radius);
  p = std::clamp(p > 0 ? -p : p, smallestLogRadius, largestLogRadius);
  return z * (std::exp(p) / radius);
}

}  // namespace

Poles ConjugatePoles::all() const {
  Poles out;
  out.reserve(order());
  for (const Complex z : pairs) out.insert(out.end(), {z, std::conj(z)});
  out.insert(out.end(), reals.begin(), reals.end());
  return out;
}

ConjugatePoles conjugatePoles(std::span<const Complex> poles) {
  ConjugatePoles out;
  for (const Complex z : poles) {
    const double tolerance = 1e-12 * std::abs(z);
    if (z.imag() > tolerance)
      out.pairs.push_back(z);
    else if (z.imag() >= -tolerance)
      out.reals.push_back(z.real());
  }
  return out;
}

ConjugatePoles stabilised(ConjugatePoles poles) {
  for (Complex& z : poles.pairs) z = reflected(z);
  for (double& z : poles.reals) z = reflected(z).real();
  return poles;
}

Poles stabilised(const Poles& poles) {
  return stabilised(conjugatePoles(poles)).all();
}

Poles eigenvalues(Eigen::MatrixXd a) {
  if (a.rows() == 0) return {};
  if (!a.allFinite())
    throw Error(ErrorKind::numerical, "Reduction", "the state matrix is not finite", "try another method or order");
  balance(a);
  const Eigen::EigenSolver<Eigen::MatrixXd> solver(a, false);
  if (solver.info() != Eigen::Success)
    throw Error(ErrorKind::numerical, "Reduction", "the eigenvalue iteration did not converge",
                "try another method or order");
  return Poles(solver.eigenvalues().begin(), solver.eigenvalues().end());
}

Poles polynomialRoots(std::span<const double> c) {
  const auto d = static_cast<Eigen::Index>(c.size());
  Eigen::MatrixXd companion = Eigen::MatrixXd::Zero(d, d);
  for (Eigen::Index i = 0; i < d; ++i) companion(0, i) = -c[i];
  companion.diagonal(-1).setOnes();
  return eigenvalues(std::move(companion));
}

std::vector<double> polynomialFromRoots(const ConjugatePoles& poles) {
  std::vector<Complex> left(poles.pairs.begin(), poles.pairs.end());
  left.insert(left.end(), poles.reals.begin(), poles.reals.end());
  std::vector<double> nearness(left.size());  // log of the product of distances to the factors taken so far
  for (std::size_t i = 0; i < left.size(); ++i) nearness[i] = std::log(std::abs(left[i]) + 1e-300);
  std::vector<double> c{1};
  while (!left.empty()) {
    const auto best = std::max_element(nearness.begin(), nearness.end()) - nearness.begin();
    const Complex z = left[best];
    left.erase(left.begin() + best);
    nearness.erase(nearness.begin() + best);
    const bool pair = z.imag() != 0;
    for (std::size_t i = 0; i < left.size(); ++i)
      nearness[i] +=
          std::log(std::abs(left[i] - z) + 1e-300) + (pair ? std::log(std::abs(left[i] - std::conj(z)) + 1e-300) : 0);
    const std::vector<double> old = c;
    const double linear = pair ? -2 * z.real() : -z.real(), constant = pair ? std::norm(z) : 0;
    c.resize(old.size() + (pair ? 2 : 1));
    for (std::size_t i = 0; i < c.size(); ++i)
      c[i] = (i < old.size() ? old[i] : 0) + (i >= 1 && i - 1 < old.size() ? linear * old[i - 1] : 0) +
             (pair && i >= 2 ? constant * old[i - 2] : 0);
  }
  c.erase(c.begin());
  return c;
}

Eigen::MatrixXd realDiagonal(const ConjugatePoles& poles) {
  Eigen::MatrixXd a = Eigen::MatrixXd::Zero(poles.order(), poles.order());
  Eigen::Index i = 0;
  for (const Complex z : poles.pairs) {
    a.block<2, 2>(i, i) << z.real(), z.imag(), -z.imag(), z.real();
    i += 2;
  }
  for (const double z : poles.reals) a(i, i) = z, ++i;
  return a;
}

Eigen::VectorXd realInput(const ConjugatePoles& poles) {
  Eigen::VectorXd b(poles.order());
  for (std::size_t k = 0; k < poles.pairs.size(); ++k) b.segment<2>(2 * k) << 2, 0;
  b.tail(poles.reals.size()).setOnes();
  return b;
}

}  // namespace analysis
