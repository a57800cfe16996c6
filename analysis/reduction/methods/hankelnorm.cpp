// Optimal approximation in the Hankel norm: the poles are the d zeros inside the unit circle of the polynomial whose
// coefficients are the (d+1)-th Schmidt vector.
#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "analysis/error.h"
#include "analysis/reduction/methods/catalogue.h"
#include "analysis/reduction/methods/decimation.h"
#include "analysis/reduction/methods/hankelpoles.h"
#include "analysis/reduction/methods/poles.h"
#include "analysis/response/fft.h"

namespace analysis {
namespace {

using Complex = std::complex<double>;
using Eigen::Index;

// First approximation of the zeros inside the circle. The Laurent coefficients of 1/p on the circle, at z^-1, z^-2,
// ..., are sum_k lambda_k^(n-1) / p'(lambda_k): a sequence of exactly that order, from which Kung's method reads the
// zeros. This costs one long FFT where the companion matrix of the whole polynomial would cost 10 M^3.
Poles approximateZeros(const Eigen::VectorXd& p, int count, int oversampling, const Task& task) {
  const int size = fastFftSize(std::min(oversampling * static_cast<int>(p.size()), 1 << 24));
  const RealFft<double> fft(size);
  std::vector<double> signal(size, 0.0);
  std::copy(p.begin(), p.end(), signal.begin());
  std::vector<Complex> spectrum(fft.bins());
  fft.forward(signal, spectrum);
  for (Complex& x : spectrum) x = 1.0 / x;
  fft.inverse(spectrum, signal);
  const auto length = std::min<std::size_t>(signal.size() / 2, std::max<std::size_t>(4 * p.size(), 4 * static_cast<std::size_t>(count)));
  return kungPoles(std::vector<double>(signal.rbegin(), signal.rbegin() + length), count, task);
}

// p(z) / p'(z) by Horner, for |z| <= 1 or so.
Complex newtonStep(const Eigen::VectorXd& p, Complex z) {
  Complex value = 0, slope = 0;
  for (Index i = p.size(); i-- > 0;) {
    slope = slope * z + value;
    value = value * z + p[i];
  }
  return value / slope;
}

// Ehrlich and Aberth's iteration on all approximations at once, which keeps them apart. True when all settle inside.
bool refine(const Eigen::VectorXd& p, Poles& zeros, const Task& task) {
  for (int round = 0; round < 60; ++round) {
    double largest = 0;
    for (std::size_t i = 0; i < zeros.size(); ++i) {
      task.throwIfStopped();
      const Complex newton = newtonStep(p, zeros[i]);
      Complex repulsion = 0;
      for (std::size_t j = 0; j < zeros.size(); ++j)
        if (j != i) repulsion += 1.0 / (zeros[i] - zeros[j]);
      const Complex step = newton / (1.0 - newton * repulsion);
      if (!std::isfinite(step.real()) || !std::isfinite(step.imag())) return false;
      zeros[i] -= step;
      if (!(std::abs(zeros[i]) < 1.5)) return false;
      largest = std::max(largest, std::abs(step));
    }
    if (largest < 1e-13) break;
  }
  return std::all_of(zeros.begin(), zeros.end(), [](Complex z) { return std::abs(z) < 1; });
}

Poles poles(std::span<const double> full, int order, const Task& task) {
  const Decimation data(full, longestHankel);
  const HankelOperator hankel(data.g, static_cast<int>(data.g.size()));
  const Eigenpairs pairs = significantEigenpairs(hankel, order + 1, task);
  // Numerically of finite rank: the Schmidt vector would be rounding noise, and there is nothing left to approximate.
  if (pairs.values.size() <= order || std::abs(pairs.values[order]) < 1e-8 * std::abs(pairs.values[0]))
    return balancedPoles(full, order, task);
  const Eigen::VectorXd schmidt = pairs.vectors.col(order);
  for (const int oversampling : {64, 1024}) {  // zeros close to the circle need the finer grid
    Poles zeros = approximateZeros(schmidt, order, oversampling, task);
    if (refine(schmidt, zeros, task)) return data.fullRate(zeros);
  }
  throw Error(ErrorKind::numerical, "Hankel-norm approximation",
              "the zeros of the Schmidt vector of order " + std::to_string(order) + " could not be separated",
              "try another order or balanced truncation");
}

}  // namespace

Method hankelNorm() {
  return {.name = "hankel-norm",
          .title = "Hankel-norm approximation (AAK)",
          .source = "Adamjan, Arov and Krein 1971, theorem 3.1; zeros by Kravanja and Van Barel 2000, section 1.2",
          .cost = "some 4 d transforms of 2 M points + O(M d) per refinement, memory O(64 M + M d)",
          .decimatesLong = true,
          .algorithm = poles};
}

}  // namespace analysis
