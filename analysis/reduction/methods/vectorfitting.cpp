// Relaxed vector fitting on the unit circle. Poles are relocated to the zeros of a scaling function
// sigma(z) = d~ + sum c~_k phi_k(z), found with the fit from sum c_k phi_k - sigma G = 0, mean of Re sigma held at 1.
#include <Eigen/Core>
#include <cmath>
#include <numbers>

#include "analysis/reduction/methods/catalogue.h"
#include "analysis/reduction/methods/circlesamples.h"
#include "analysis/reduction/methods/poles.h"
#include "analysis/reduction/tallleastsquares.h"

namespace analysis {
namespace {

using Complex = std::complex<double>;

// Weakly damped, angles logarithmic over the resolvable band.
ConjugatePoles startingPoles(std::size_t length, int order) {
  ConjugatePoles poles;
  const int pairs = order / 2;
  const double low = 2 * std::numbers::pi / static_cast<double>(length), high = 2.5;
  for (int k = 0; k < pairs; ++k) {
    const double angle = pairs > 1 ? low * std::pow(high / low, double(k) / (pairs - 1)) : std::min(low, high);
    poles.pairs.push_back(std::polar(std::exp(-0.02 * angle), angle));
  }
  if (order % 2 == 1) poles.reals.push_back(0.99);
  return poles;
}

// One relocation; false when sigma has no usable constant part.
bool relocate(const CircleSamples& samples, ConjugatePoles& poles) {
  const Eigen::Index k = poles.order(), columns = 2 * k + 1;
  const auto pairs = static_cast<Eigen::Index>(poles.pairs.size());
  const auto count = static_cast<Eigen::Index>(samples.z.size());
  TallLeastSquares equations(columns);
  Eigen::VectorXd mean = Eigen::VectorXd::Zero(columns + 1);
  double energy = 0, cells = 0;
  Eigen::MatrixXd block(2 * count, columns + 1);
  Eigen::VectorXcd phi(k);
  for (Eigen::Index i = 0; i < count; ++i) {
    const Complex z = samples.z[i], value = samples.value[i];
    for (Eigen::Index j = 0; j < k; ++j) {
      if (j >= 2 * pairs) {
        phi[j] = 1.0 / (z - poles.reals[j - 2 * pairs]);
      } else if (j % 2 == 0) {
        const Complex upper = 1.0 / (z - poles.pairs[j / 2]), lower = 1.0 / (z - std::conj(poles.pairs[j / 2]));
        phi[j] = upper + lower;
        phi[j + 1] = Complex(0, 1) * (upper - lower);
      }
    }
    const double weight = std::sqrt(samples.weight[i]);
    for (Eigen::Index j = 0; j < k; ++j) {
      const Complex numerator = weight * phi[j], scaled = -weight * phi[j] * value;
      block(2 * i, j) = numerator.real();
      block(2 * i + 1, j) = numerator.imag();
      block(2 * i, k + j) = scaled.real();
      block(2 * i + 1, k + j) = scaled.imag();
      mean[k + j] += samples.weight[i] * phi[j].real();
    }
    block(2 * i, 2 * k) = -weight * value.real();
    block(2 * i + 1, 2 * k) = -weight * value.imag();
    energy += samples.weight[i] * std::norm(value);
    cells += samples.weight[i];
  }
  block.col(columns).setZero();
  equations.add(block);
  mean[2 * k] = cells;
  mean *= std::sqrt(energy) / cells;
  mean[columns] = std::sqrt(energy);
  equations.add(mean.transpose());
  const Eigen::VectorXd x = equations.solve(1e-13, true);
  const Eigen::MatrixXd moved = realDiagonal(poles) - realInput(poles) * x.segment(k, k).transpose() / x[2 * k];
  if (!moved.allFinite()) return false;
  poles = stabilised(conjugatePoles(eigenvalues(moved)));
  return true;
}

Poles poles(std::span<const double> g, int order, const Task& task) {
  constexpr int rounds = 20;
  const CircleSamples samples(g, 2048);
  ConjugatePoles poles = startingPoles(g.size(), order);
  for (int round = 0; round < rounds; ++round) {
    task.throwIfStopped();
    if (!relocate(samples, poles)) break;  // the scaling function degenerated: the last poles are the answer
  }
  return poles.all();
}

}  // namespace

Method vectorFitting() {
  return {.name = "vector-fitting",
          .title = "Vector fitting",
          .source =
              "Gustavsen and Semlyen 1999; relaxed form Gustavsen 2006, IEEE Trans. Power Deliv. 21, eq. (7)-(9); "
              "z-domain Deschrijver, Haegeman and Dhaene 2007",
          .cost = "20 rounds of O(N d^2), N <= 2049 frequencies, memory O(N d)",
          .algorithm = poles};
}

}  // namespace analysis
