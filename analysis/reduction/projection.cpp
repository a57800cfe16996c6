#include "analysis/reduction/projection.h"

#include <cmath>

namespace analysis {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

bool Projection::evaluate(const PoleSet& poles) {
  m_poles = poles;
  const double length = static_cast<double>(m_target->length());
  m_transform.compute(m_target->sequence(), poles, true);
  m_grams.compute(poles, length);
  const MatrixXd& G = m_grams.moments[0];
  m_scale = G.diagonal().cwiseMax(1e-300).cwiseSqrt().cwiseInverse();
  m_scaledGram.noalias() = m_scale.asDiagonal() * G * m_scale.asDiagonal();
  m_scaledGram.diagonal().array() += 1e-14;
  m_cholesky.compute(m_scaledGram);
  if (m_cholesky.info() != Eigen::Success) return false;
  m_smallestPivot = m_cholesky.matrixLLT().diagonal().minCoeff();
  m_y = m_scale.cwiseProduct(m_transform.sums());
  m_cholesky.matrixL().solveInPlace(m_y);
  m_squaredError = (m_target->isZero() ? 0.0 : 1.0) - m_y.squaredNorm();
  m_coefficients = m_y;
  m_cholesky.matrixU().solveInPlace(m_coefficients);
  m_coefficients.array() *= m_scale.array();
  return std::isfinite(m_squaredError);
}

// out = G D, where column x of D holds the coefficients of d(Phi c)/dx over n Phi:
// d/dp_k -> c_u u + c_v v,  d/dw_k -> c_v u - c_u v.
void Projection::differentiate(const MatrixXd& G, MatrixXd& out) const {
  const Index K = m_poles.rows(), pairs = m_poles.pairs;
  out.resize(G.rows(), G.cols());
  for (Index k = 0; k < K; ++k) {
    const double cu = m_coefficients[k];
    if (k >= pairs) {
      out.col(k) = cu * G.col(k);
      continue;
    }
    const double cv = m_coefficients[K + k];
    out.col(k) = cu * G.col(k) + cv * G.col(K + k);
    out.col(K + k) = cv * G.col(k) - cu * G.col(K + k);
  }
}

void Projection::linearise() {
  const Index K = m_poles.rows(), pairs = m_poles.pairs;
  differentiate(m_grams.moments[1], m_x);
  differentiate(m_grams.moments[2], m_z);
  const MatrixXd transposed = m_z.transpose();
  differentiate(transposed, m_normal);  // D^T G2 D, symmetric
  // Half gradient D^T b1 - (G1 D)^T c.
  const VectorXd& b1 = m_transform.moments();
  m_halfGradient.resize(m_poles.order());
  for (Index k = 0; k < K; ++k) {
    const double cu = m_coefficients[k];
    if (k >= pairs) {
      m_halfGradient[k] = cu * b1[k];
      continue;
    }
    const double cv = m_coefficients[K + k];
    m_halfGradient[k] = cu * b1[k] + cv * b1[K + k];
    m_halfGradient[K + k] = cv * b1[k] - cu * b1[K + k];
  }
  m_halfGradient.noalias() -= m_x.transpose() * m_coefficients;
  m_z.noalias() = m_scale.asDiagonal() * m_x;
  m_cholesky.matrixL().solveInPlace(m_z);
  m_normal.noalias() -= m_z.transpose() * m_z;
}

VectorXd Projection::solveGram(const VectorXd& x) const {
  VectorXd solution = m_scale.cwiseProduct(x);
  m_cholesky.solveInPlace(solution);
  return m_scale.cwiseProduct(solution);
}

MatrixXd Projection::inverseGram() const {
  MatrixXd inverse = m_scale.asDiagonal();
  m_cholesky.solveInPlace(inverse);
  return m_scale.asDiagonal() * inverse;
}

}  // namespace analysis
