// Closed-form Gram matrices of the real basis of a pole set: nothing of the window's length is formed.
#pragma once

#include <Eigen/Core>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "analysis/reduction/poleset.h"
#include "analysis/reduction/powers.h"

namespace analysis {

// moments[q](i, j) = <n^(q/2) phi_i, n^(q - q/2) phi_j> on n < length, q = 0, 1, 2 (whole-number division): without a
// weight sum_n n^q phi_i[n] phi_j[n]. Reusable: keeps its buffers.
// T_q(x) = sum_{n < length} n^q e^{xn} at x = s_i + s_j and s_i + conj(s_j) by binary doubling of the summation length
// (reduction page, section 4.3): no cancellation near e^x = 1. O(rows^2 log length).
struct GramSums {
  std::array<Eigen::MatrixXd, 3> moments;

  void compute(const PoleSet&, double length);
  // With the inner product <x, y> = sum_{n,m} x[n] lags[|n-m|] y[m] of errors weighted by their spectrum; lags beyond
  // `length` are not used. moments[1] is then not symmetric. O(rows^2 log length), and products of order x lags matrices.
  void computeWeighted(const PoleSet&, double length, std::span<const double> lags);

 private:
  // One complex sum T_0, T_1, T_2 for each column j of a row, real and imaginary parts apart.
  struct SumRow {
    double *t0r, *t0i, *t1r, *t1i, *t2r, *t2i;
  };
  void prepare(const PoleSet&, std::uint64_t length);
  // Sums over n < length of row i: e^{(s_i + s_j) n} into P, e^{(s_i + conj s_j) n} into N, columns j >= first.
  void sum(Eigen::Index i, Eigen::Index first, std::uint64_t length, const SumRow& P, const SumRow& N) const;
  SumRow row(std::size_t at);
  // Moment q of rows i, j from P + N and P - N.
  void store(std::size_t q, const PoleSet&, Eigen::Index i, Eigen::Index j, double pr, double pi, double nr, double ni);

  PowerTable m_stages, m_steps;  // m_stages: rows padded to whole lanes
  Eigen::MatrixXd m_last, m_carried, m_carriedMoment;  // of the last samples of the window
  std::vector<double> m_sums;
};

}  // namespace analysis
