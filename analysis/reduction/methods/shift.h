// Shift invariance: an orthonormal basis V of sampled modes satisfies V[n+1] = V[n] A; the poles are eig(A).
#pragma once

#include <Eigen/Core>
#include <algorithm>

namespace analysis {

// Least-squares A of V[0..p-2] A = V[1..p-1] for V (p x d) with orthonormal columns: the normal matrix is I minus the
// last row's outer product, inverted by Sherman and Morrison. O(p d^2).
inline Eigen::MatrixXd shiftMatrix(const Eigen::Ref<const Eigen::MatrixXd>& v) {
  const Eigen::Index p = v.rows();
  const Eigen::MatrixXd a = v.topRows(p - 1).transpose() * v.bottomRows(p - 1);
  const Eigen::VectorXd last = v.row(p - 1);
  return a + last * (last.transpose() * a) / std::max(1 - last.squaredNorm(), 1e-15);
}

}  // namespace analysis
