#include "analysis/reduction/multiscale.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <utility>

#include "analysis/reduction/exchange.h"
#include "analysis/reduction/gramsums.h"
#include "analysis/reduction/greedy.h"
#include "analysis/reduction/residues.h"
#include "analysis/reduction/starts.h"

namespace analysis {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr Index windowSamples = 2048;
constexpr int poolOrder = 32;           // of the fit of one scale
constexpr double foldingAngle = 2.6;    // radians per averaged sample: beyond it a pole is an artefact
constexpr double duplicate = 0.15;      // relative distance of log-poles
constexpr double smallestBlock = 1e-9;  // determinant of a group's Gram block, relative, once others are projected out
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
    const auto fit = varpro(scale, poles, {.maxSteps = 10, .tolerance = 1e-4}, task);
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

// Pursuit by block elimination: W holds the Gram matrix and r the inner products, both with the chosen groups projected
// out; the gain of group k is r_k^T W_kk^-1 r_k.
std::vector<PoleSet> multiscaleStarts(const Target& target, int maxOrder, const Task& task) {
  const PoleSet pool = pooled(target, maxOrder, task);
  const Index K = pool.rows();
  std::vector<PoleSet> starts;
  if (K == 0) return starts;
  GramSums grams;
  grams.compute(pool, static_cast<double>(target.length()));
  Transform transform;
  transform.compute(target.sequence(), pool, false);
  const VectorXd scale = grams.moments[0].diagonal().cwiseMax(1e-300).cwiseSqrt().cwiseInverse();
  MatrixXd W = scale.asDiagonal() * grams.moments[0] * scale.asDiagonal();
  VectorXd r = scale.cwiseProduct(transform.sums());
  std::vector<bool> taken(static_cast<std::size_t>(K), false);
  PoleSet chosen;
  while (chosen.order() + 2 <= maxOrder) {
    task.throwIfStopped();
    double best = 0;
    Index winner = -1;
    for (Index k = 0; k < K; ++k) {
      if (taken[static_cast<std::size_t>(k)]) continue;
      const double a = W(k, k), b = W(k, K + k), c = W(K + k, K + k), determinant = a * c - b * b;
      if (!(determinant > smallestBlock)) continue;
      const double x = r[k], y = r[K + k], gain = (c * x * x - 2 * b * x * y + a * y * y) / determinant;
      if (gain > best) {
        best = gain;
        winner = k;
      }
    }
    if (winner < 0) break;
    taken[static_cast<std::size_t>(winner)] = true;
    chosen.addPair(pool.logPoles[static_cast<std::size_t>(winner)]);
    starts.push_back(chosen);
    MatrixXd columns(2 * K, 2);
    columns << W.col(winner), W.col(K + winner);
    Eigen::Matrix2d block;
    block << W(winner, winner), W(winner, K + winner), W(K + winner, winner), W(K + winner, K + winner);
    const MatrixXd eliminated = columns * block.inverse();
    r -= eliminated * Eigen::Vector2d(r[winner], r[K + winner]);
    W -= eliminated * columns.transpose();
  }
  return starts;
}

Candidate swapped(const Target& target, const PairSearch& search, Candidate candidate, int rounds, const Task& task) {
  for (int round = 0; round < rounds && candidate.squaredError >= gramFloor; ++round) {
    const RemovalCosts costs = removalCosts(target, candidate.poles);
    bool improved = false;
    for (std::size_t i = 0; i < std::min<std::size_t>(swapTries, costs.groups.size()) && !improved; ++i) {
      const Candidate rest = asIs(target, candidate.poles.without(costs.groups[i].rows), candidate.source);
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
