// Matrix pencil / ESPRIT: the right singular vectors of a rectangular Hankel matrix span the modes; the shift between
// their first and last rows has the poles as eigenvalues.
#include <Eigen/SVD>

#include "analysis/reduction/methods/catalogue.h"
#include "analysis/reduction/methods/decimation.h"
#include "analysis/reduction/methods/poles.h"
#include "analysis/reduction/methods/shift.h"

namespace analysis {
namespace {

constexpr int longest = 1024;  // the decomposition costs the cube of the length

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
  const Eigen::BDCSVD<Eigen::MatrixXd> svd(hankel, Eigen::ComputeThinV);
  const Eigen::VectorXd& sigma = svd.singularValues();
  Eigen::Index rank = std::min<Eigen::Index>(order, sigma.size());
  while (rank > 1 && sigma[rank - 1] < 1e-15 * sigma[0]) --rank;
  return data.fullRate(eigenvalues(shiftMatrix(svd.matrixV().leftCols(rank))));
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
