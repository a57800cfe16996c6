// Least squares min ||A X - B|| for a tall A that is never stored: blocks of rows are folded into a triangular factor.
#pragma once

#include <Eigen/Core>

namespace analysis {

class TallLeastSquares {
 public:
  explicit TallLeastSquares(Eigen::Index columns, Eigen::Index rightHandSides = 1);

  // Rows to write before the next fold; a reasonable size for add(). Memory stays O(columns^2).
  Eigen::Index blockRows() const { return m_blockRows; }
  // [A | B], any number of rows. O(rows columns^2) by Householder QR.
  void add(const Eigen::Ref<const Eigen::MatrixXd>& rows);
  // Minimum-norm solution after scaling the columns to unit norm (when asked); directions whose pivot is below
  // `threshold` of the largest are left out. Throws Error(numerical) when A or B was not finite.
  Eigen::MatrixXd solve(double threshold, bool scaleColumns) const;

 private:
  Eigen::Index m_columns, m_blockRows;
  Eigen::MatrixXd m_factor;  // square, of columns + right-hand sides, upper triangular
};

}  // namespace analysis
