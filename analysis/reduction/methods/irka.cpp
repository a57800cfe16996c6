// Transfer-function IRKA: a Hermite interpolant at the mirror images 1/lambda of its own poles, iterated until the
// poles repeat. Fixed points are the stationary points of the l2 error on [0, inf); nothing forces a descent.
#include <Eigen/Eigenvalues>
#include <cmath>

#include "analysis/reduction/methods/catalogue.h"
#include "analysis/reduction/methods/hankelpoles.h"
#include "analysis/reduction/methods/poles.h"

namespace analysis {
namespace {

using Complex = std::complex<double>;
using Eigen::Index;

// Where interpolation is possible: inside the circle, not at 0 (its mirror image is infinite).
ConjugatePoles usable(ConjugatePoles poles) {
  const auto moved = [](Complex z) {
    double radius = std::abs(z);
    if (radius > 1) z /= radius * radius, radius = 1 / radius;
    if (radius > 1 - 1e-10) z *= (1 - 1e-10) / radius;
    return z;
  };
  int tiny = 0;
  for (Complex& z : poles.pairs) {
    z = moved(z);
    if (std::abs(z) < 1e-8) z = std::polar(1e-8 * ++tiny, 1.0);
  }
  for (double& z : poles.reals) {
    z = moved(z).real();
    if (std::abs(z) < 1e-8) z = 1e-8 * ++tiny;
  }
  return poles;
}

// H(1/lambda) = sum g[n] lambda^(n+1) and -H'(1/lambda), by Horner from the far end.
void evaluate(std::span<const double> g, Complex lambda, Complex& value, Complex& slope) {
  Complex p = 0, q = 0;
  for (std::size_t n = g.size(); n-- > 0;) {
    q = q * lambda + p;
    p = p * lambda + g[n];
  }
  value = p * lambda;
  slope = lambda * lambda * (p + lambda * q);
}

// Columns (e_i + e_j)/sqrt 2, i (e_i - e_j)/sqrt 2 for a pair (i, j): T* E T is real for conjugate-symmetric E.
Eigen::MatrixXcd realBasis(const ConjugatePoles& poles) {
  Eigen::MatrixXcd t = Eigen::MatrixXcd::Identity(poles.order(), poles.order());
  const double s = std::sqrt(0.5);
  for (std::size_t k = 0; k < poles.pairs.size(); ++k)
    t.block<2, 2>(2 * k, 2 * k) << Complex(s, 0), Complex(0, s), Complex(s, 0), Complex(0, -s);
  return t;
}

// The poles of the Hermite interpolant at 1/lambda; empty when the pencil has no full set of finite ones.
Poles interpolantPoles(std::span<const double> g, const ConjugatePoles& at, const Task& task) {
  const Poles lambda = at.all();
  const auto d = static_cast<Index>(lambda.size());
  Eigen::VectorXcd value(d), slope(d);
  for (Index i = 0; i < d; ++i) {
    task.throwIfStopped();
    evaluate(g, lambda[i], value[i], slope[i]);
  }
  Eigen::MatrixXcd e(d, d), a(d, d);
  for (Index i = 0; i < d; ++i) {
    for (Index j = 0; j < d; ++j) {
      const Complex s = 1.0 / lambda[i], t = 1.0 / lambda[j];
      if (i == j) {
        e(i, j) = slope[i];
        a(i, j) = s * slope[i] - value[i];
        continue;
      }
      Complex gap = s - t;
      if (std::abs(gap) < 1e-14) gap = 1e-14;
      e(i, j) = -(value[i] - value[j]) / gap;
      a(i, j) = -(s * value[i] - t * value[j]) / gap;
    }
  }
  const Eigen::MatrixXcd t = realBasis(at);
  const Eigen::MatrixXd mass = (t.adjoint() * e * t).real(), pencil = (t.adjoint() * a * t).real();
  if (!mass.allFinite() || !pencil.allFinite()) return {};
  const Eigen::GeneralizedEigenSolver<Eigen::MatrixXd> solver(pencil, mass, false);
  if (solver.info() != Eigen::Success) return {};
  Poles out;
  for (Index k = 0; k < d; ++k) {
    out.push_back(solver.alphas()[k] / solver.betas()[k]);
    if (!std::isfinite(out.back().real()) || !std::isfinite(out.back().imag())) return {};
  }
  return out;
}

Poles poles(std::span<const double> g, int order, const Task& task) {
  constexpr int rounds = 40;
  ConjugatePoles poles = conjugatePoles(balancedPoles(g, order, task));
  for (int round = 0; round < rounds; ++round) {
    const ConjugatePoles at = usable(poles);
    const ConjugatePoles next = conjugatePoles(interpolantPoles(g, at, task));
    if (next.order() != at.order()) break;
    double move = 0, decay = 1e-3;
    const Poles before = at.all();
    for (const Complex z : next.all()) {
      double nearest = std::abs(z - before[0]);
      for (const Complex old : before) nearest = std::min(nearest, std::abs(z - old));
      move = std::max(move, nearest);
      decay = std::max(decay, 1 - std::abs(z));
    }
    poles = next;
    if (move < 1e-8 * decay) break;
  }
  return poles.all();
}

}  // namespace

Method tfIrka() {
  return {.name = "tf-irka",
          .title = "Transfer-function IRKA",
          .source = "Beattie and Gugercin 2012 (TF-IRKA), in discrete time Bunse-Gerstner et al. 2010, algorithm 1",
          .cost = "balanced truncation + at most 40 rounds of O(M d + 30 d^3), memory O(M d)",
          .mayBeUnstable = true,
          .algorithm = poles};
}

}  // namespace analysis
