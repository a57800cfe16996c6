// Start poles from one eigen-decomposition for all orders (reduction page, section 4.2).
#pragma once

#include <Eigen/Core>
#include <vector>

#include "analysis/reduction/poleset.h"
#include "analysis/reduction/target.h"
#include "analysis/task.h"

namespace analysis {

// Nested shift equations: the state matrix of order d solves (leading d x d of gram) A = (leading d x d of cross).
class SpectralStart {
 public:
  // Balanced truncation of the window as an FIR system: Kung (1978) on the zero-padded Hankel matrix. A compression of
  // the shift, so its poles never leave the unit circle.
  static SpectralStart balanced(const Target&, int maxOrder, const Task& = {});

  // Orders that this spectrum can tell apart; higher ones are noise.
  int maxOrder() const { return static_cast<int>(m_cross.rows()); }
  // No poles when the order is above maxOrder() or the eigenvalue iteration fails. O(d^3).
  PoleSet poles(int order) const;
  // |eigenvalues| of the Hankel section for the unit-norm sequence, largest first, not necessarily converged.
  const std::vector<double>& sigma() const { return m_sigma; }

 private:
  Eigen::MatrixXd m_gram;  // empty: the identity
  Eigen::MatrixXd m_cross;
  std::vector<double> m_sigma;
};

}  // namespace analysis
