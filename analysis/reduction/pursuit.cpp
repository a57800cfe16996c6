#include "analysis/reduction/pursuit.h"

#include <Eigen/Dense>
#include <array>

#include "analysis/reduction/gramsums.h"

namespace analysis {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double smallestBlock = 1e-9;  // determinant of a group's Gram block, relative, once others are projected out

}  // namespace

// By block elimination: W holds the Gram matrix and r the inner products, both with the chosen groups projected out; the
// gain of group k is the trace of r_k^T W_kk^-1 r_k.
std::vector<PoleSet> pursuit(const Target& target, const PoleSet& pool, int maxOrder, const Task& task) {
  const Index K = pool.rows(), pairs = pool.pairs;
  std::vector<PoleSet> starts;
  if (K == 0) return starts;
  GramSums grams;
  grams.compute(pool, static_cast<double>(target.length()));
  Transform transform;
  transform.compute(target.sequence(), pool, false);
  const VectorXd scale = grams.moments[0].diagonal().cwiseMax(1e-300).cwiseSqrt().cwiseInverse();
  MatrixXd W = scale.asDiagonal() * grams.moments[0] * scale.asDiagonal();
  MatrixXd r = scale.asDiagonal() * transform.sums();
  std::vector<bool> taken(static_cast<std::size_t>(K), false);
  PoleSet chosen;
  while (chosen.order() < maxOrder) {
    task.throwIfStopped();
    double best = 0;
    Index winner = -1;
    for (Index k = 0; k < K; ++k) {
      const int states = k < pairs ? 2 : 1;
      if (taken[static_cast<std::size_t>(k)] || chosen.order() + states > maxOrder) continue;
      double gain = 0;
      if (states == 1) {
        if (!(W(k, k) > smallestBlock)) continue;
        gain = r.row(k).squaredNorm() / W(k, k);
      } else {
        const double a = W(k, k), b = W(k, K + k), c = W(K + k, K + k), determinant = a * c - b * b;
        if (!(determinant > smallestBlock)) continue;
        const auto x = r.row(k), y = r.row(K + k);
        gain = (c * x.squaredNorm() - 2 * b * x.dot(y) + a * y.squaredNorm()) / determinant / 2;
      }
      if (gain > best) {
        best = gain;
        winner = k;
      }
    }
    if (winner < 0) break;
    taken[static_cast<std::size_t>(winner)] = true;
    const auto s = pool.logPoles[static_cast<std::size_t>(winner)];
    const std::array<Index, 2> both{winner, K + winner};
    const auto rows = std::span(both).first(winner < pairs ? 2 : 1);
    winner < pairs ? chosen.addPair(s) : chosen.addReal(s.real(), s.imag() > 1);
    starts.push_back(chosen);
    const MatrixXd columns = W(Eigen::all, rows);
    const MatrixXd eliminated = columns * MatrixXd(W(rows, rows)).inverse();
    const MatrixXd data = r(rows, Eigen::all);
    r.noalias() -= eliminated * data;
    W.noalias() -= eliminated * columns.transpose();
  }
  return starts;
}

}  // namespace analysis
