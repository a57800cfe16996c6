// The variable projection functional at one set of poles: f(s) = min_C ||g - Phi(s) C||^2 and its derivatives, from
// z-transforms of the data and closed-form Gram sums alone (reduction page, section 4.3). One column of C for each
// channel of the target; the norm is the target's, weighted or not.
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include "analysis/reduction/gramsums.h"
#include "analysis/reduction/poleset.h"
#include "analysis/reduction/target.h"

namespace analysis {

// Reusable: keeps its buffers. The target must outlive it.
class Projection {
 public:
  // With a ridge f(s) = min_C ||g - Phi(s) C||^2 + ridge ||C||^2: large coefficients that cancel each other cost.
  explicit Projection(const Target& target, double ridge = 0) : m_target(&target), m_ridge(ridge) {}

  // Sets poles, squaredError and coefficients. False when the Gram matrix is numerically singular (poles that nearly
  // coincide, or more of them than the data can tell apart). About 4 M d + 200 d^2 + d^3 flops.
  bool evaluate(const PoleSet&);
  // After a successful evaluate(): halfGradient and normal. About 4 d^3 flops.
  void linearise();

  const PoleSet& poles() const { return m_poles; }
  double squaredError() const { return m_squaredError; }  // of the unit-norm sequence; noise below about 1e-13
  // How far the squared error may be off: it grows with coefficients that cancel each other.
  double uncertainty() const { return m_uncertainty; }
  const Eigen::MatrixXd& coefficients() const { return m_coefficients; }  // order x channels
  // Derivatives by the decays of all rows, then by the angles of the pairs: -1/2 df/dx, and Kaufman's (1975)
  // approximation to 1/2 d2f/dx2.
  const Eigen::VectorXd& halfGradient() const { return m_halfGradient; }
  const Eigen::MatrixXd& normal() const { return m_normal; }
  // G^-1 x for the Gram matrix of the last evaluate(): closed-form normal equations for further right-hand sides.
  Eigen::MatrixXd solveGram(const Eigen::MatrixXd& x) const;
  Eigen::MatrixXd inverseGram() const;
  // Smallest pivot of the scaled Gram's Cholesky factor: about 1 / condition of the scaled basis.
  double smallestPivot() const { return m_smallestPivot; }

 private:
  const Target* m_target;
  double m_ridge;
  PoleSet m_poles;
  Transform m_transform;
  GramSums m_grams;
  Eigen::VectorXd m_scale, m_halfGradient;
  Eigen::MatrixXd m_y, m_coefficients, m_scaledGram, m_x, m_z, m_curvature, m_slope, m_products, m_normal;
  Eigen::LLT<Eigen::MatrixXd> m_cholesky;
  double m_squaredError = 0, m_uncertainty = 0, m_smallestPivot = 0;
};

}  // namespace analysis
