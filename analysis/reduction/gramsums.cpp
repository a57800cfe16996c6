#include "analysis/reduction/gramsums.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>

namespace analysis {

using Eigen::Index;

// Doubles the summation length m of every column, then appends term 2m where `append`. z = e^{x m} of column j is
// (ar + i ai) times (er[j] + i sign ei[j]).
void GramSums::doubleLength(const SumRow& t, Index first, Index end, double ar, double ai, const double* er,
                            const double* ei, double sign, double m, bool append) {
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

GramSums::SumRow GramSums::row(std::size_t at, Index columns) {
  const auto stride = static_cast<std::size_t>(columns);
  double* base = m_sums.data() + at * stride;
  return {base, base + stride, base + 2 * stride, base + 3 * stride, base + 4 * stride, base + 5 * stride};
}

// e^{s m} at the length m that each stage starts from.
void GramSums::prepare(const PoleSet& poles, std::uint64_t M) {
  const Index K = poles.rows(), d = poles.order();
  for (auto& moment : moments) moment.resize(d, d);
  const int stages = static_cast<int>(std::bit_width(M)) - 1;
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
  m_sums.resize(12 * static_cast<std::size_t>(K));
}

void GramSums::sum(Index i, Index first, Index end, std::uint64_t M, const SumRow& P, const SumRow& N) const {
  const auto stages = m_stages.real.cols();
  for (const SumRow& t : {P, N}) {  // length 1: T_0 = 1, T_1 = T_2 = 0
    std::fill(t.t0r + first, t.t0r + end, 1.0);
    for (double* zero : {t.t0i, t.t1r, t.t1i, t.t2r, t.t2i}) std::fill(zero + first, zero + end, 0.0);
  }
  for (Index b = 0; b < stages; ++b) {
    const double ar = m_stages.real(i, b), ai = m_stages.imaginary(i, b);
    const double *er = &m_stages.real(0, b), *ei = &m_stages.imaginary(0, b);
    const auto m = static_cast<double>(M >> (stages - b));
    const bool append = (M >> (stages - b - 1)) & 1u;
    doubleLength(P, first, end, ar, ai, er, ei, 1.0, m, append);
    doubleLength(N, first, end, ar, ai, er, ei, -1.0, m, append);
  }
}

void GramSums::store(std::size_t q, const PoleSet& poles, Index i, Index j, double pr, double pi, double nr, double ni,
                     bool symmetric) {
  const Index K = poles.rows(), pairs = poles.pairs;
  auto& G = moments[q];
  const auto put = [&](Index a, Index b, double value) {
    G(a, b) = value;
    if (symmetric) G(b, a) = value;
  };
  put(i, j, 0.5 * (pr + nr));                                           // u_i u_j
  if (j < pairs) put(i, K + j, 0.5 * (pi - ni));                        // u_i v_j
  if (i < pairs) put(K + i, j, 0.5 * (pi + ni));                        // v_i u_j
  if (i < pairs && j < pairs) put(K + i, K + j, 0.5 * (nr - pr));       // v_i v_j
}

void GramSums::compute(const PoleSet& poles, double length) {
  const Index K = poles.rows();
  const auto M = static_cast<std::uint64_t>(length);
  prepare(poles, std::max<std::uint64_t>(M, 1));
  if (K == 0) return;
  const SumRow P = row(0, K), N = row(6, K);
  for (Index i = 0; i < K; ++i) {
    sum(i, i, K, M, P, N);
    for (Index j = i; j < K; ++j) {
      store(0, poles, i, j, P.t0r[j], P.t0i[j], N.t0r[j], N.t0i[j], true);
      store(1, poles, i, j, P.t1r[j], P.t1i[j], N.t1r[j], N.t1i[j], true);
      store(2, poles, i, j, P.t2r[j], P.t2i[j], N.t2r[j], N.t2i[j], true);
    }
  }
}

// For lag k >= 0 the pairs (n, n + k) with n < M - k give e^{s_j k} (T_p(M - k) and its moments), the pairs (n + k, n)
// the same with e^{s_i k}. From the largest lag down the summation length grows by one term a step.
void GramSums::computeWeighted(const PoleSet& poles, double length, std::span<const double> lags) {
  using Complex = std::complex<double>;
  const Index K = poles.rows();
  const auto M = std::max<std::uint64_t>(static_cast<std::uint64_t>(length), 1);
  const auto q = static_cast<Index>(std::min<std::uint64_t>(lags.size(), M)) - 1;
  const auto shortest = M - static_cast<std::uint64_t>(q);
  prepare(poles, shortest);
  if (K == 0) return;
  m_steps.fill(poles.logPoles, 1, q + 2);
  const auto step = [&](Index k, Index n, double sign) {
    return Complex(m_steps.real(k, n), sign * m_steps.imaginary(k, n));
  };
  std::vector<Complex> ends;  // e^{s shortest}
  for (const Complex& s : poles.logPoles) ends.push_back(power(s, static_cast<double>(shortest)));
  const SumRow P = row(0, K), N = row(6, K);
  for (Index i = 0; i < K; ++i) {
    sum(i, 0, K, shortest, P, N);
    for (Index j = 0; j < K; ++j) {
      std::array<std::array<Complex, 3>, 2> inner{};
      for (const bool conjugate : {false, true}) {
        const SumRow& t = conjugate ? N : P;
        const double sign = conjugate ? -1 : 1;
        Complex T0(t.t0r[j], t.t0i[j]), T1(t.t1r[j], t.t1i[j]), T2(t.t2r[j], t.t2i[j]);
        const Complex end = ends[static_cast<std::size_t>(j)], x = step(i, 1, 1) * step(j, 1, sign);
        Complex next = ends[static_cast<std::size_t>(i)] * (conjugate ? std::conj(end) : end);
        auto& sums = inner[conjugate ? 1 : 0];
        for (Index k = q; k >= 0; --k) {
          const double r = lags[static_cast<std::size_t>(k)], lag = static_cast<double>(k);
          const Complex later = r * step(j, k, sign), earlier = k > 0 ? r * step(i, k, 1) : Complex(0);
          sums[0] += (later + earlier) * T0;
          sums[1] += later * (T1 + lag * T0) + earlier * T1;
          sums[2] += (later + earlier) * (T2 + lag * T1);
          const double n = static_cast<double>(M) - lag;
          T0 += next;
          T1 += n * next;
          T2 += n * n * next;
          next *= x;
        }
      }
      for (std::size_t m = 0; m < 3; ++m)
        store(m, poles, i, j, inner[0][m].real(), inner[0][m].imag(), inner[1][m].real(), inner[1][m].imag(), false);
    }
  }
}

}  // namespace analysis
