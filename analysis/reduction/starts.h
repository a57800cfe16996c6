// Start poles from one eigen-decomposition for all orders (reduction page, section 4.2).
#pragma once

#include <Eigen/Core>
#include <array>
#include <string>
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
  // The same on the square section that needs no padding, shift by least squares: exact where the window holds a
  // finite-rank sequence that has not decayed.
  static SpectralStart halfWindow(const Target&, int maxOrder, const Task& = {});
  // From D H D with D = halfWeights(): the spectrum that bounds the l2 error. Row-weighted shift.
  static SpectralStart weighted(const Target&, int maxOrder, const Task& = {});

  // Orders that this spectrum can tell apart; higher ones are noise.
  int maxOrder() const { return static_cast<int>(m_cross.rows()); }
  // No poles when the order is above maxOrder() or the eigenvalue iteration fails. O(d^3).
  PoleSet poles(int order) const;
  // |eigenvalues| of the section for the unit-norm sequence, largest first, not necessarily converged.
  const std::vector<double>& sigma() const { return m_sigma; }

 private:
  Eigen::MatrixXd m_gram;  // empty: the identity
  Eigen::MatrixXd m_cross;
  std::vector<double> m_sigma;
};

// The three of them for one filter. Longer sequences than `longestFullRate` are box-averaged first, and the poles
// mapped back by the factor-th root: quick, but blind to fast modes.
class SpectralStarts {
 public:
  static constexpr int interactiveSamples = 4096;

  SpectralStarts(const Target&, int maxOrder, const Task& = {}, int longestFullRate = interactiveSamples);

  struct Named {
    PoleSet poles;
    std::string name;
  };
  // Balanced, weighted, half window; those that have poles of this order.
  std::vector<Named> at(int order) const;
  PoleSet balancedAt(int order) const { return mapped(m_balanced.poles(order)); }
  // Orders above it gain nothing: the window is exact there, or has no more samples.
  int usefulOrder() const { return m_usefulOrder; }
  int factor() const { return m_factor; }
  // Share of the energy that box-averaging took away: fast modes that these starts cannot see.
  double energyLost() const { return m_energyLost; }
  // Of the zero-padded section at full rate, approximately where factor() > 1.
  std::vector<double> sigma() const;

 private:
  PoleSet mapped(PoleSet) const;

  int m_factor = 1, m_usefulOrder = 0;
  double m_energyLost = 0;
  SpectralStart m_balanced, m_weighted, m_half;
};

// The first window * factor samples, box-averaged by the factor, as a target of its own (unit norm, no feedthrough).
Target boxAveraged(const Target&, Eigen::Index window, int factor);
// Poles of a box-averaged sequence at the full rate: e^{s/factor}. Negative real poles have no image there and lose
// their sign.
PoleSet atFullRate(PoleSet, int factor);

}  // namespace analysis
