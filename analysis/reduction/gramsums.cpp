#include "analysis/reduction/gramsums.h"

#include <bit>
#include <cmath>
#include <cstdint>

namespace analysis {

namespace {

using Eigen::Index;

// One complex sum T_0, T_1, T_2 for each column j of a row, real and imaginary parts apart.
struct SumRow {
  double *t0r, *t0i, *t1r, *t1i, *t2r, *t2i;
};

// Doubles the summation length m of every column, then appends term 2m where `append`. z = e^{x m} of column j is
// (ar + i ai) times (er[j] + i sign ei[j]).
void doubleLength(const SumRow& t, Index first, Index end, double ar, double ai, const double* er, const double* ei,
                  double sign, double m, bool append) {
  const double m2 = m * m, last = append ? 1.0 : 0.0, last1 = last * 2 * m, last2 = last * 4 * m2;
#pragma omp simd
  for (Index j = first; j < end; ++j) {
    const double e = sign * ei[j];
    const double zr = ar * er[j] - ai * e, zi = ar * e + ai * er[j];
    const double shift2r = t.t2r[j] + 2 * m * t.t1r[j] + m2 * t.t0r[j];
    const double shift2i = t.t2i[j] + 2 * m * t.t1i[j] + m2 * t.t0i[j];
    const double shift1r = t.t1r[j] + m * t.t0r[j], shift1i = t.t1i[j] + m * t.t0i[j];
    const double shift0r = t.t0r[j], shift0i = t.t0i[j];
    const double z2r = zr * zr - zi * zi, z2i = 2 * zr * zi;
    t.t2r[j] += zr * shift2r - zi * shift2i + last2 * z2r;
    t.t2i[j] += zr * shift2i + zi * shift2r + last2 * z2i;
    t.t1r[j] += zr * shift1r - zi * shift1i + last1 * z2r;
    t.t1i[j] += zr * shift1i + zi * shift1r + last1 * z2i;
    t.t0r[j] += zr * shift0r - zi * shift0i + last * z2r;
    t.t0i[j] += zr * shift0i + zi * shift0r + last * z2i;
  }
}

}  // namespace

void GramSums::compute(const PoleSet& poles, double length) {
  const Index K = poles.rows(), pairs = poles.pairs, d = poles.order();
  for (auto& moment : moments) moment.resize(d, d);
  if (K == 0) return;
  const auto M = static_cast<std::uint64_t>(length);
  const int stages = static_cast<int>(std::bit_width(M)) - 1;
  // e^{s m} at the length m that each stage starts from.
  m_stages.real.resize(K, stages);
  m_stages.imaginary.resize(K, stages);
  for (int b = 0; b < stages; ++b) {
    const auto m = static_cast<double>(M >> (stages - b));
    for (Index k = 0; k < K; ++k) {
      const auto z = power(poles.logPoles[static_cast<std::size_t>(k)], m);
      m_stages.real(k, b) = z.real();
      m_stages.imaginary(k, b) = z.imag();
    }
  }
  const auto stride = static_cast<std::size_t>(K);
  m_sums.resize(12 * stride);
  const auto row = [&](std::size_t at) {
    double* base = m_sums.data() + at * stride;
    return SumRow{base, base + stride, base + 2 * stride, base + 3 * stride, base + 4 * stride, base + 5 * stride};
  };
  const SumRow P = row(0), N = row(6);
  for (Index i = 0; i < K; ++i) {
    for (const SumRow& t : {P, N}) {  // length 1: T_0 = 1, T_1 = T_2 = 0
      std::fill(t.t0r + i, t.t0r + K, 1.0);
      for (double* zero : {t.t0i, t.t1r, t.t1i, t.t2r, t.t2i}) std::fill(zero + i, zero + K, 0.0);
    }
    for (int b = 0; b < stages; ++b) {
      const double ar = m_stages.real(i, b), ai = m_stages.imaginary(i, b);
      const double *er = &m_stages.real(0, b), *ei = &m_stages.imaginary(0, b);
      const auto m = static_cast<double>(M >> (stages - b));
      const bool append = (M >> (stages - b - 1)) & 1u;
      doubleLength(P, i, K, ar, ai, er, ei, 1.0, m, append);
      doubleLength(N, i, K, ar, ai, er, ei, -1.0, m, append);
    }
    const std::array<const double*, 3> Pr{P.t0r, P.t1r, P.t2r}, Pi{P.t0i, P.t1i, P.t2i};
    const std::array<const double*, 3> Nr{N.t0r, N.t1r, N.t2r}, Ni{N.t0i, N.t1i, N.t2i};
    for (std::size_t q = 0; q < 3; ++q) {
      auto& G = moments[q];
      for (Index j = i; j < K; ++j) {
        G(j, i) = G(i, j) = 0.5 * (Pr[q][j] + Nr[q][j]);                                 // u_i u_j
        if (j < pairs) G(K + j, i) = G(i, K + j) = 0.5 * (Pi[q][j] - Ni[q][j]);          // u_i v_j
        if (i < pairs) G(K + i, j) = G(j, K + i) = 0.5 * (Pi[q][j] + Ni[q][j]);          // v_i u_j
        if (j < pairs) G(K + j, K + i) = G(K + i, K + j) = 0.5 * (Nr[q][j] - Pr[q][j]);  // v_i v_j
      }
    }
  }
}

}  // namespace analysis
