// Closed-form Gram matrices of the real basis of a pole set: nothing of the window's length is formed.
#pragma once

#include <Eigen/Core>
#include <array>
#include <vector>

#include "analysis/reduction/poleset.h"
#include "analysis/reduction/powers.h"

namespace analysis {

// moments[q](i, j) = sum_{n < length} n^q phi_i[n] phi_j[n], q = 0, 1, 2. Reusable: keeps its buffers.
// T_q(x) = sum_{n < length} n^q e^{xn} at x = s_i + s_j and s_i + conj(s_j) by binary doubling of the summation length
// (reduction page, section 4.3): no cancellation near e^x = 1. O(rows^2 log length).
struct GramSums {
  std::array<Eigen::MatrixXd, 3> moments;

  void compute(const PoleSet&, double length);

 private:
  PowerTable m_stages;
  std::vector<double> m_sums;
};

}  // namespace analysis
