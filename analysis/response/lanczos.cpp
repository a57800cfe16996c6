#include "analysis/response/lanczos.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

namespace analysis {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double breakdown = 1e-14;  // a coupling this small relative to the largest closes the Krylov space

// Fixed, dense, and without structure that a filter could be orthogonal to.
VectorXd startVector(Index size) {
  VectorXd v(size);
  std::uint64_t state = 0x9e3779b97f4a7c15u;
  for (Index i = 0; i < size; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    v[i] = static_cast<double>(state >> 11) * 0x1.0p-52 - 1.0;
  }
  return v.normalized();
}

std::vector<Index> byModulus(const VectorXd& values) {
  std::vector<Index> order(static_cast<std::size_t>(values.size()));
  std::iota(order.begin(), order.end(), Index(0));
  std::stable_sort(order.begin(), order.end(),
                   [&](Index a, Index b) { return std::abs(values[a]) > std::abs(values[b]); });
  return order;
}

// The leading `count` Ritz pairs of basis Q with projected eigenproblem (values, Z) and last coupling beta.
Eigenpairs ritzPairs(const Eigen::Ref<const MatrixXd>& Q, const VectorXd& values, const MatrixXd& Z, double beta,
                     Index count) {
  const auto order = byModulus(values);
  count = std::min<Index>(count, values.size());
  MatrixXd chosen(Z.rows(), count);
  Eigenpairs pairs{VectorXd(count), {}, VectorXd(count)};
  for (Index k = 0; k < count; ++k) {
    const Index from = order[static_cast<std::size_t>(k)];
    chosen.col(k) = Z.col(from);
    pairs.values[k] = values[from];
    pairs.residuals[k] = std::abs(beta * Z(Z.rows() - 1, from));
  }
  pairs.vectors.noalias() = Q * chosen;
  return pairs;
}

}  // namespace

Eigenpairs lanczos(const HankelOperator& H, int count, int steps, const Task& task) {
  const Index n = H.size();
  Index m = std::min<Index>(steps, n);
  MatrixXd Q(n, m);
  VectorXd diagonal(m), coupling(m), v(n), overlap(m);
  auto scratch = H.scratch();
  Q.col(0) = startVector(n);
  double scale = 0;
  bool closed = false;
  for (Index j = 0; j < m; ++j) {
    task.throwIfStopped();
    H.multiply(Q.col(j).data(), v.data(), scratch);
    diagonal[j] = Q.col(j).dot(v);
    // The three-term recurrence first leaves only rounding for the pass over all vectors, so one pass is enough.
    v -= diagonal[j] * Q.col(j);
    if (j > 0) v -= coupling[j - 1] * Q.col(j - 1);
    overlap.head(j + 1).noalias() = Q.leftCols(j + 1).transpose() * v;
    v.noalias() -= Q.leftCols(j + 1) * overlap.head(j + 1);
    coupling[j] = v.norm();
    scale = std::max({scale, std::abs(diagonal[j]), coupling[j]});
    if (!(coupling[j] > breakdown * scale)) {
      m = j + 1;
      closed = true;
      break;
    }
    if (j + 1 < m) Q.col(j + 1) = v / coupling[j];
  }
  Eigen::SelfAdjointEigenSolver<MatrixXd> solver;
  solver.computeFromTridiagonal(diagonal.head(m), coupling.head(m - 1));
  auto pairs =
      ritzPairs(Q.leftCols(m), solver.eigenvalues(), solver.eigenvectors(), closed ? 0 : coupling[m - 1], count);
  pairs.exact = closed || m == n;
  return pairs;
}

Eigenpairs convergedEigenpairs(const HankelOperator& H, int count, const Task& task, int maxRestarts) {
  const Index n = H.size();
  const Index wanted = std::min<Index>(count, n);
  const Index m = std::min<Index>(n, 2 * wanted + 32);
  MatrixXd Q(n, m + 1), B = MatrixXd::Zero(m, m);
  VectorXd v(n);
  auto scratch = H.scratch();
  Q.col(0) = startVector(n);
  Index kept = 0;
  for (int round = 0;; ++round) {
    Index used = m;
    double beta = 0;
    for (Index j = kept; j < m; ++j) {
      task.throwIfStopped();
      H.multiply(Q.col(j).data(), v.data(), scratch);
      const double norm = v.norm();
      for (int pass = 0; pass < 2; ++pass) {
        const VectorXd overlap = Q.leftCols(j + 1).transpose() * v;
        v.noalias() -= Q.leftCols(j + 1) * overlap;
        B.col(j).head(j + 1) += overlap;  // the second pass corrects the first
      }
      B.row(j).head(j + 1) = B.col(j).head(j + 1).transpose();
      beta = v.norm();
      if (j + 1 == n || !(beta > breakdown * std::max(norm, B.diagonal().cwiseAbs().maxCoeff()))) {
        used = j + 1;
        beta = 0;
        break;
      }
      Q.col(j + 1) = v / beta;
    }
    const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(B.topLeftCorner(used, used));
    const bool closed = beta == 0;
    const Index keep = closed ? wanted : std::min(used - 1, wanted + (used - wanted) / 2);
    auto pairs = ritzPairs(Q.leftCols(used), solver.eigenvalues(), solver.eigenvectors(), beta, keep);
    const Index checked = std::min<Index>(wanted, pairs.values.size());
    const double worst = pairs.residuals.head(checked).maxCoeff();
    if (closed || worst <= 1e-9 * std::abs(pairs.values[0]) || round == maxRestarts) {
      pairs.values.conservativeResize(checked);
      pairs.residuals.conservativeResize(checked);
      pairs.vectors.conservativeResize(Eigen::NoChange, checked);
      pairs.exact = closed;
      return pairs;
    }
    // Restart from the kept Ritz vectors and the common residual direction; the next product fills their coupling.
    kept = pairs.values.size();
    Q.col(kept) = Q.col(used);
    Q.leftCols(kept) = pairs.vectors;
    B.setZero();
    B.diagonal().head(kept) = pairs.values;
  }
}

}  // namespace analysis
