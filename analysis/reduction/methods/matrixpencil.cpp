// Matrix pencil / ESPRIT: the right singular vectors of a rectangular Hankel matrix span the modes; the shift between
// their first and last rows has the poles as eigenvalues.
#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <cmath>

#include "analysis/reduction/methods/catalogue.h"
#include "analysis/reduction/methods/decimation.h"
#include "analysis/reduction/methods/poles.h"
#include "analysis/reduction/methods/shift.h"

namespace analysis {
namespace {

constexpr int longest = 1024;  // the decomposition costs the cube of the length

// Leading right singular vectors, without those of singular values below 1e-15 of the largest: eigenvectors (u, v) of
// [[0, R], [R^T, 0]] with R from a QR decomposition. Eigen 3.4's divide-and-conquer SVD reads out of bounds on matrices
// of extreme range, its Jacobi SVD takes seconds at this size, and R^T R would lose half of the digits.
Eigen::MatrixXd rightSingularVectors(Eigen::MatrixXd a, int count) {
  const Eigen::Index n = a.cols(), rows = std::min(a.rows(), n);
  const Eigen::HouseholderQR<Eigen::Ref<Eigen::MatrixXd>> qr(a);
  Eigen::MatrixXd both = Eigen::MatrixXd::Zero(rows + n, rows + n);
  both.bottomLeftCorner(n, rows) = Eigen::MatrixXd(a.topRows(rows).triangularView<Eigen::Upper>()).transpose();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(both);  // ascending: the largest come last
  const Eigen::VectorXd& values = solver.eigenvalues();
  Eigen::Index rank = std::min<Eigen::Index>(count, rows);
  while (rank > 1 && values[rows + n - rank] < 1e-15 * values[rows + n - 1]) --rank;
  return solver.eigenvectors().bottomRightCorner(n, rank).rowwise().reverse() * std::sqrt(2.0);
}

Poles poles(std::span<const double> full, int order, const Task& task) {
  const Decimation data(full, longest);
  const auto length = static_cast<Eigen::Index>(data.g.size());
  // A third of the length is the usual pencil; never so short that the order does not fit on either side.
  const Eigen::Index pencil =
      std::clamp<Eigen::Index>(length / 3, order, std::max<Eigen::Index>(order, length - order));
  const Eigen::Index columns = std::min(pencil + 1, length), rows = length - columns + 1;
  Eigen::MatrixXd hankel(rows, columns);
  for (Eigen::Index j = 0; j < columns; ++j) hankel.col(j) = Eigen::Map<const Eigen::VectorXd>(data.g.data() + j, rows);
  task.throwIfStopped();
  const Eigen::MatrixXd v = rightSingularVectors(hankel, order);
  return data.fullRate(eigenvalues(shiftMatrix(v)));
}

}  // namespace

Method matrixPencil() {
  return {.name = "matrix-pencil",
          .title = "Matrix pencil (ESPRIT)",
          .source = "Hua and Sarkar 1990, IEEE Trans. ASSP 38; Roy and Kailath 1989 (ESPRIT)",
          .cost = "O(M^3) for M <= 1024, memory O(M^2)",
          .mayBeUnstable = true,
          .decimatesLong = true,
          .algorithm = poles};
}

}  // namespace analysis
