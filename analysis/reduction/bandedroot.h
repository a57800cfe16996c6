// The Cholesky factor of a banded symmetric Toeplitz matrix: the square root of an input weight on a finite window.
#pragma once

#include <Eigen/Core>
#include <span>

#include "analysis/task.h"

namespace analysis {

// R[n][m] = lags[|n-m|] = L L^T, size x size, positive definite. O(size q^2), memory size * (q + 1).
class BandedRoot {
 public:
  // Throws Error(numerical) when R is not positive definite.
  BandedRoot(std::span<const double> lags, Eigen::Index size, const Task& = {});

  // x <- L^T x, column by column. O(size q) each.
  void applyTransposed(Eigen::MatrixXd& x, const Task& = {}) const;

 private:
  Eigen::MatrixXd m_band;  // m_band(k, n) = L(n + k, n)
};

}  // namespace analysis
