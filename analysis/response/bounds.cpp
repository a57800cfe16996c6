#include "analysis/response/bounds.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>

#include "analysis/error.h"
#include "analysis/response/hankel.h"
#include "analysis/response/lanczos.h"

namespace analysis {

namespace {

constexpr int densestSection = 1024;   // O(n^3): 0.3 s
constexpr int denseCertificate = 600;  // up to here the whole dense spectrum costs no more than many Krylov pairs
constexpr int pairsPerDense = 12;      // but more than the pairs of orders below this share of the section
constexpr double clearOfFloor = 1e3;   // a Krylov bound this far above its rounding floor is as good as a dense one
constexpr double roundingShare = 1e-12;  // taken off, so that rounding never lifts the bound above an error
constexpr double unit = std::numeric_limits<double>::epsilon();

// The taps over their l2 norm, so that neither squares nor sums overflow; nothing for a zero filter.
std::optional<std::vector<double>> unitTaps(std::span<const double> taps) {
  double peak = 0;
  for (const double tap : taps) {
    if (!std::isfinite(tap)) {
      throw Error(ErrorKind::numerical, "Filter", "a tap is not finite", "look at the weights it is computed from");
    }
    peak = std::max(peak, std::abs(tap));
  }
  if (peak == 0) return {};
  std::vector<double> scaled;
  scaled.reserve(taps.size());
  double energy = 0;
  for (const double tap : taps) {
    scaled.push_back(tap / peak);
    energy += scaled.back() * scaled.back();
  }
  for (double& tap : scaled) tap /= std::sqrt(energy);
  return scaled;
}

double l2Norm(std::span<const double> taps) {
  double peak = 0, sum = 0;
  for (const double tap : taps) peak = std::max(peak, std::abs(tap));
  if (peak == 0) return 0;
  for (const double tap : taps) sum += (tap / peak) * (tap / peak);
  return peak * std::sqrt(sum);
}

std::vector<double> descendingModuli(const HankelOperator& H) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(H.dense(), Eigen::EigenvaluesOnly);
  std::vector<double> moduli(static_cast<std::size_t>(solver.eigenvalues().size()));
  for (std::size_t k = 0; k < moduli.size(); ++k)
    moduli[k] = std::abs(solver.eigenvalues()[static_cast<Eigen::Index>(k)]);
  std::sort(moduli.begin(), moduli.end(), std::greater<>());
  return moduli;
}

// w_n = sum_{i+j=n; i,j<p} a_i a_j for n < 2p-1: 1 below p, smaller above.
std::vector<double> squaredWeightSums(const std::vector<double>& halfs) {
  const std::size_t p = halfs.size();
  const RealFft<double> fft(fastFftSize(static_cast<int>(2 * p - 1)));
  std::vector<double> a(static_cast<std::size_t>(fft.size()), 0.0);
  for (std::size_t i = 0; i < p; ++i) a[i] = halfs[i] * halfs[i];
  std::vector<std::complex<double>> bins(static_cast<std::size_t>(fft.bins()));
  fft.forward(a, bins);
  for (auto& bin : bins) bin *= bin;
  fft.inverse(bins, a);
  a.resize(2 * p - 1);
  return a;
}

}  // namespace

HankelSpectrum hankelSpectrum(std::span<const double> taps, int count, bool complete, const Task& task) {
  HankelSpectrum result;
  result.converged = true;
  const auto scaled = unitTaps(taps);
  const int size = static_cast<int>(taps.size()) - 1;
  if (size < 1) {
    result.complete = true;
    return result;
  }
  count = std::clamp(count, 0, size);
  if (!scaled) {
    result.complete = complete && size <= densestSection;
    result.values.assign(static_cast<std::size_t>(result.complete ? size : count), 0.0);
    return result;
  }
  const double norm = l2Norm(taps);
  const auto g = std::span(*scaled).subspan(1);
  for (std::size_t n = 0; n < g.size(); ++n) result.frobeniusSquared += static_cast<double>(n + 1) * g[n] * g[n];
  result.frobeniusSquared *= norm * norm;
  const HankelOperator H(g, size);
  if ((complete && size <= densestSection) || size <= std::min(denseCertificate, 4 * count)) {
    result.values = descendingModuli(H);
    result.complete = true;
    if (!complete) result.values.resize(static_cast<std::size_t>(count));
    result.complete = static_cast<int>(result.values.size()) == size;
  } else if (count > 0) {
    const auto pairs = convergedEigenpairs(H, count, task);
    for (const double value : pairs.values) result.values.push_back(std::abs(value));
    result.converged = pairs.residuals.maxCoeff() <= 1e-8 * result.values[0];
    if (pairs.exact) result.values.resize(static_cast<std::size_t>(count), 0.0);
  }
  for (double& value : result.values) value *= norm;
  return result;
}

std::vector<double> twiceTailSum(const HankelSpectrum& spectrum, std::span<const double> taps, int maxOrder) {
  std::vector<double> bound(static_cast<std::size_t>(std::max(maxOrder, 0)) + 1, 0.0);
  const double norm = l2Norm(taps);
  if (norm == 0) return bound;
  const double size = static_cast<double>(taps.size()) - 1;
  double head = 0;
  for (std::size_t d = 0; d < bound.size(); ++d) {
    if (spectrum.complete) {
      double tail = 0;  // from the smallest up: the sum keeps its digits
      for (std::size_t k = spectrum.values.size(); k > d; --k) tail += spectrum.values[k - 1];
      bound[d] = 2 * tail / norm;
    } else {
      if (d > 0 && d <= spectrum.values.size()) head += spectrum.values[d - 1] * spectrum.values[d - 1];
      // Cauchy-Schwarz over the values that are not known; the difference is known to rounding only.
      const double rest = std::max(spectrum.frobeniusSquared - head, 64 * unit * spectrum.frobeniusSquared);
      bound[d] = 2 * std::sqrt(std::max(size - static_cast<double>(d), 0.0) * rest) / norm;
    }
  }
  return bound;
}

Certificate certificate(std::span<const double> taps, int maxOrder, const Task& task) {
  Certificate result;
  result.error.assign(static_cast<std::size_t>(std::max(maxOrder, 0)) + 1, 0.0);
  const auto scaled = unitTaps(taps);
  if (taps.size() < 2 || !scaled) return result;
  const auto g = std::span(*scaled).subspan(1);
  const int p = (static_cast<int>(g.size()) + 1) / 2;
  const auto halfs = halfWeights(p);
  const auto weights = squaredWeightSums(halfs);
  double total = 0;  // ||DHD||_F^2
  for (std::size_t n = 0; n < weights.size(); ++n) total += weights[n] * g[n] * g[n];
  const HankelOperator H(g, p, halfs);
  const auto byPairs = [&] {
    result.floor = std::sqrt(64 * unit * total);
    const auto pairs = convergedEigenpairs(H, std::min(std::max(maxOrder, 1), p), task);
    double tail = total;
    for (std::size_t d = 0; d < result.error.size(); ++d) {
      if (d > 0) {
        const auto k = static_cast<Eigen::Index>(d - 1);
        if (k >= pairs.values.size()) break;
        // A Ritz value may lie below the true one by its residual: the bound must not profit from that.
        const double modulus = std::abs(pairs.values[k]) + pairs.residuals[k];
        tail -= modulus * modulus;
      }
      if (tail > result.floor * result.floor) result.error[d] = (1 - roundingShare) * std::sqrt(tail);
    }
  };
  if (p <= denseCertificate && pairsPerDense * maxOrder <= p) {
    byPairs();
    if (result.error.back() > clearOfFloor * result.floor) return result;
    std::fill(result.error.begin(), result.error.end(), 0.0);
  }
  if (p <= denseCertificate) {
    const auto moduli = descendingModuli(H);
    // Dense eigenvalues are wrong by some units of the largest; everything of that size is noise.
    const double noise = 16 * unit * moduli[0];
    result.floor = noise * std::sqrt(static_cast<double>(p));
    for (std::size_t d = 0; d < result.error.size(); ++d) {
      double tail = 0;
      for (std::size_t k = moduli.size(); k > d; --k) {
        const double modulus = std::max(moduli[k - 1] - noise, 0.0);
        tail += modulus * modulus;
      }
      if (std::sqrt(tail) > result.floor) result.error[d] = (1 - roundingShare) * std::sqrt(tail);
    }
    return result;
  }
  byPairs();
  return result;
}

}  // namespace analysis
