#include "analysis/reduction/tallleastsquares.h"

#include <Eigen/QR>
#include <algorithm>

#include "analysis/error.h"

namespace analysis {

TallLeastSquares::TallLeastSquares(Eigen::Index columns, Eigen::Index rightHandSides)
    : m_columns(columns),
      m_blockRows(std::max<Eigen::Index>(256, 4 * columns)),
      m_factor(Eigen::MatrixXd::Zero(columns + rightHandSides, columns + rightHandSides)) {}

void TallLeastSquares::add(const Eigen::Ref<const Eigen::MatrixXd>& rows) {
  const Eigen::Index n = m_factor.cols();
  for (Eigen::Index first = 0; first < rows.rows(); first += m_blockRows) {
    const Eigen::Index count = std::min(m_blockRows, rows.rows() - first);
    Eigen::MatrixXd stacked(n + count, n);
    stacked.topRows(n) = m_factor;
    stacked.bottomRows(count) = rows.middleRows(first, count);
    const Eigen::HouseholderQR<Eigen::Ref<Eigen::MatrixXd>> qr(stacked);
    m_factor = stacked.topRows(n).triangularView<Eigen::Upper>();
  }
}

Eigen::MatrixXd TallLeastSquares::solve(double threshold, bool scaleColumns) const {
  if (!m_factor.allFinite())
    throw Error(ErrorKind::numerical, "Reduction", "the linear equations are not finite",
                "try another method or order");
  Eigen::MatrixXd a = m_factor.leftCols(m_columns);
  Eigen::VectorXd scale = Eigen::VectorXd::Ones(m_columns);
  if (scaleColumns) {
    scale = a.colwise().norm().transpose();
    for (double& s : scale) s = s > 0 ? 1 / s : 1;
    a *= scale.asDiagonal();
  }
  Eigen::CompleteOrthogonalDecomposition<Eigen::MatrixXd> decomposition;
  decomposition.setThreshold(threshold);
  decomposition.compute(a);
  Eigen::MatrixXd solution(m_columns, m_factor.cols() - m_columns);
  for (Eigen::Index c = 0; c < solution.cols(); ++c)
    solution.col(c) = scale.cwiseProduct(decomposition.solve(m_factor.col(m_columns + c)));
  return solution;
}

}  // namespace analysis
