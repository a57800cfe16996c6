#include "analysis/reduction/projection.h"

#include <cmath>

namespace analysis {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double rounding = 4e-16;
constexpr double smallestRidge = 1e-14;  // on the unit diagonal: a Gram matrix that rounding made indefinite stays positive

}  // namespace

bool Projection::evaluate(const PoleSet& poles) {
  m_poles = poles;
  const double length = static_cast<double>(m_target->length());
  m_transform.compute(m_target->correlated(), poles, true);
  if (m_target->lags().empty()) {
    m_grams.compute(poles, length);
  } else {
    m_grams.computeWeighted(poles, length, m_target->lags());
  }
  const MatrixXd& G = m_grams.moments[0];
  m_scale = G.diagonal().cwiseMax(1e-300).cwiseSqrt().cwiseInverse();
  m_scaledGram.noalias() = m_scale.asDiagonal() * G * m_scale.asDiagonal();
  m_scaledGram.diagonal().array() += smallestRidge + m_ridge * m_scale.array().square();
  m_cholesky.compute(m_scaledGram);
  if (m_cholesky.info() != Eigen::Success) return false;
  m_smallestPivot = m_cholesky.matrixLLT().diagonal().minCoeff();
  m_y.noalias() = m_scale.asDiagonal() * m_transform.sums();
  m_cholesky.matrixL().solveInPlace(m_y);
  m_squaredError = (m_target->isZero() ? 0.0 : 1.0) - m_y.squaredNorm();
  m_coefficients = m_y;
  m_cholesky.matrixU().solveInPlace(m_coefficients);
  m_uncertainty = smallestRidge * m_coefficients.squaredNorm();
  m_coefficients = m_scale.asDiagonal() * m_coefficients;
  // Cosine and sine sums of a pair are sums and differences of the same two numbers: the smaller one loses what the
  // larger one has.
  for (Index k = 0; k < m_poles.pairs; ++k) {
    const Index v = m_poles.rows() + k;
    const double size = m_coefficients.row(k).squaredNorm() + m_coefficients.row(v).squaredNorm();
    m_uncertainty += rounding * (G(k, k) + G(v, v)) * size;
  }
  return std::isfinite(m_squaredError);
}

// With D the coefficients of d(Phi c)/dx over n Phi (d/dp_k: c_u u + c_v v, d/dw_k: c_v u - c_u v): -1/2 df/dx is
// D^T b1 - (G1 D)^T c, and Kaufman's matrix D^T (G2 - G1^T G^-1 G1) D. Summed over the channels, only the products
// c c^T and c (b1 - G1^T c)^T are needed: nothing grows with the number of channels but these.
void Projection::linearise() {
  const Index K = m_poles.rows(), pairs = m_poles.pairs, d = m_poles.order();
  const MatrixXd &G1 = m_grams.moments[1], &G2 = m_grams.moments[2];
  m_z.noalias() = m_scale.asDiagonal() * G1;
  m_cholesky.matrixL().solveInPlace(m_z);
  m_curvature = G2;
  m_curvature.noalias() -= m_z.transpose() * m_z;
  m_products.noalias() = m_coefficients * m_coefficients.transpose();
  m_x = m_transform.moments();
  m_x.noalias() -= G1.transpose() * m_coefficients;
  m_slope.noalias() = m_coefficients * m_x.transpose();
  const MatrixXd &S = m_products, &Q = m_slope, &N = m_curvature;
  m_halfGradient.resize(d);
  m_normal.resize(d, d);
  for (Index k = 0; k < K; ++k) {
    const bool kPair = k < pairs;
    m_halfGradient[k] = kPair ? Q(k, k) + Q(K + k, K + k) : Q(k, k);
    if (kPair) m_halfGradient[K + k] = Q(K + k, k) - Q(k, K + k);
    for (Index l = 0; l < K; ++l) {
      const bool lPair = l < pairs;
      double pp = S(k, l) * N(k, l);
      if (lPair) pp += S(k, K + l) * N(k, K + l);
      if (kPair) pp += S(K + k, l) * N(K + k, l);
      if (kPair && lPair) pp += S(K + k, K + l) * N(K + k, K + l);
      m_normal(k, l) = pp;
      if (lPair) {
        double pw = S(k, K + l) * N(k, l) - S(k, l) * N(k, K + l);
        if (kPair) pw += S(K + k, K + l) * N(K + k, l) - S(K + k, l) * N(K + k, K + l);
        m_normal(k, K + l) = m_normal(K + l, k) = pw;
        if (kPair) {
          m_normal(K + k, K + l) = S(K + k, K + l) * N(k, l) - S(K + k, l) * N(k, K + l) - S(k, K + l) * N(K + k, l) +
                                   S(k, l) * N(K + k, K + l);
        }
      }
    }
  }
}

MatrixXd Projection::solveGram(const MatrixXd& x) const {
  MatrixXd solution = m_scale.asDiagonal() * x;
  m_cholesky.solveInPlace(solution);
  return m_scale.asDiagonal() * solution;
}

MatrixXd Projection::inverseGram() const {
  MatrixXd inverse = m_scale.asDiagonal();
  m_cholesky.solveInPlace(inverse);
  return m_scale.asDiagonal() * inverse;
}

}  // namespace analysis
