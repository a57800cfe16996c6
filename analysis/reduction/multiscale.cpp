#include "analysis/reduction/multiscale.h"

#include <algorithm>
#include <utility>

#include "analysis/reduction/exchange.h"
#include "analysis/reduction/greedy.h"
#include "analysis/reduction/pursuit.h"
#include "analysis/reduction/starts.h"

namespace analysis {

namespace {

using Eigen::Index;

constexpr Index windowSamples = 2048;
constexpr int poolOrder = 32;           // of the fit of one scale
constexpr double foldingAngle = 2.6;    // radians per averaged sample: beyond it a pole is an artefact
constexpr double duplicate = 0.15;      // relative distance of log-poles
constexpr double swapMargin = 1e-4;
constexpr int swapTries = 3;

// Pairs of all scales, without near duplicates.
PoleSet pooled(const Target& target, int maxOrder, const Task& task) {
  PoleSet pool;
  for (int factor = 1;; factor *= 8) {
    const Target scale = boxAveraged(target, windowSamples, factor);
    const int order = std::min(maxOrder, poolOrder);
    const auto start = SpectralStart::balanced(scale, order, task);
    const PoleSet poles = start.poles(std::min(order, start.maxOrder()));
    // Nothing but zeros at this scale: nothing to start from.
    const auto fit = poles.rows() > 0 ? varpro(scale, poles, {.maxSteps = 10, .tolerance = 1e-4}, task) : VarproResult{};
    for (int k = 0; k < fit.poles.pairs; ++k) {
      const auto s = fit.poles.logPoles[static_cast<std::size_t>(k)];
      if (factor > 1 && s.imag() > foldingAngle) continue;
      const auto full = s / static_cast<double>(factor);
      const bool isNew = std::none_of(pool.logPoles.begin(), pool.logPoles.end(), [&](const auto& other) {
        return std::abs(full - other) < duplicate * std::abs(other);
      });
      if (isNew) pool.addPair(full);
    }
    if (windowSamples * factor >= target.length()) break;
  }
  pool.clip();
  return pool;
}

}  // namespace

std::vector<PoleSet> multiscaleStarts(const Target& target, int maxOrder, const Task& task) {
  return pursuit(target, pooled(target, maxOrder, task), maxOrder, task);
}

Candidate swapped(const Target& target, const PairSearch& search, Candidate candidate, int rounds, const Task& task) {
  for (int round = 0; round < rounds && candidate.squaredError >= gramFloor; ++round) {
    const RemovalCosts costs = removalCosts(target, candidate.poles);
    bool improved = false;
    for (std::size_t i = 0; i < std::min<std::size_t>(swapTries, costs.groups.size()) && !improved; ++i) {
      const Candidate rest = asIs(target, candidate.poles.without(costs.groups[i].rows), candidate.source, task);
      Candidate next = withPair(target, search, rest, candidate.source, task);
      if (next.squaredError < candidate.squaredError * (1 - swapMargin)) {
        candidate = std::move(next);
        improved = true;
      }
    }
    if (!improved) break;
  }
  return candidate;
}

}  // namespace analysis
