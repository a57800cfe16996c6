#include "analysis/reduction/bandedroot.h"

#include <algorithm>
#include <cmath>

#include "analysis/error.h"

namespace analysis {

using Eigen::Index;
using Eigen::MatrixXd;

BandedRoot::BandedRoot(std::span<const double> lags, Index size, const Task& task) {
  const Index rows = std::min<Index>(static_cast<Index>(lags.size()), std::max<Index>(size, 1));
  m_band = MatrixXd::Zero(rows, size);
  for (Index n = 0; n < size; ++n)
    for (Index k = 0; k < std::min(rows, size - n); ++k) m_band(k, n) = lags[static_cast<std::size_t>(k)];
  for (Index n = 0; n < size; ++n) {
    if (n % 4096 == 0) task.throwIfStopped();
    const double pivot = m_band(0, n);
    if (!(pivot > 0)) {
      throw Error(ErrorKind::numerical, "Input weight", "its matrix is not positive definite", "raise its floor");
    }
    m_band.col(n) /= std::sqrt(pivot);
    for (Index k = 1; k < std::min(rows, size - n); ++k) {
      const Index count = std::min(rows, size - n) - k;
      m_band.col(n + k).head(count) -= m_band(k, n) * m_band.col(n).segment(k, count);
    }
  }
}

void BandedRoot::applyTransposed(MatrixXd& x, const Task& task) const {
  const Index rows = m_band.rows(), size = m_band.cols();
  for (Index c = 0; c < x.cols(); ++c) {
    task.throwIfStopped();
    for (Index n = 0; n < size; ++n) {  // row n of L^T needs x[n..], which is not yet overwritten
      const Index count = std::min(rows, size - n);
      x(n, c) = m_band.col(n).head(count).dot(x.col(c).segment(n, count));
    }
  }
}

}  // namespace analysis
