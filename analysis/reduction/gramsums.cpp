#include "analysis/reduction/gramsums.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <cstring>
#include <utility>

namespace analysis {

using Eigen::Index;

namespace {

// Columns side by side, as many as a register holds: their sums stay there from the first stage to the last.
#if defined(__AVX512F__)
constexpr Index width = 8;
#elif defined(__AVX__)
constexpr Index width = 4;
#else
constexpr Index width = 2;
#endif
using Lanes = double __attribute__((vector_size(width * sizeof(double))));

Lanes loaded(const double* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

struct Sums {
  Lanes t0r = Lanes{} + 1, t0i{}, t1r{}, t1i{}, t2r{}, t2i{};  // length 1: T_0 = 1, T_1 = T_2 = 0

  // Doubles the summation length m, then appends term 2m where `last` is 1; z = e^{x m}.
  void doubleLength(Lanes zr, Lanes zi, double m, double last) {
    const double m2 = m * m, last1 = last * 2 * m, last2 = last * 4 * m2;
    const Lanes shift2r = t2r + 2 * m * t1r + m2 * t0r, shift2i = t2i + 2 * m * t1i + m2 * t0i;
    const Lanes shift1r = t1r + m * t0r, shift1i = t1i + m * t0i, shift0r = t0r, shift0i = t0i;
    const Lanes z2r = zr * zr - zi * zi, z2i = 2 * zr * zi;
    t2r += zr * shift2r - zi * shift2i + last2 * z2r;
    t2i += zr * shift2i + zi * shift2r + last2 * z2i;
    t1r += zr * shift1r - zi * shift1i + last1 * z2r;
    t1i += zr * shift1i + zi * shift1r + last1 * z2i;
    t0r += zr * shift0r - zi * shift0i + last * z2r;
    t0i += zr * shift0i + zi * shift0r + last * z2i;
  }
};

Index padded(Index rows) {
  return (rows + width - 1) / width * width;
}

}  // namespace

GramSums::SumRow GramSums::row(std::size_t at) {
  const auto stride = static_cast<std::size_t>(m_stages.real.rows());
  double* base = m_sums.data() + at * stride;
  return {base, base + stride, base + 2 * stride, base + 3 * stride, base + 4 * stride, base + 5 * stride};
}

// e^{s m} at the length m that each stage starts from; m doubles, and grows by one where a term is appended. Every second
// one is exact, the others are squared from the one before.
void GramSums::prepare(const PoleSet& poles, std::uint64_t M) {
  const Index K = poles.rows(), d = poles.order();
  for (auto& moment : moments) moment.resize(d, d);
  const int stages = static_cast<int>(std::bit_width(M)) - 1;
  auto &re = m_stages.real, &im = m_stages.imaginary;
  re.setZero(padded(K), stages);
  im.setZero(padded(K), stages);
  for (int b = 0; b < stages; ++b) {
    const std::uint64_t m = M >> (stages - b);
    for (Index k = 0; k < K; ++k) {
      std::complex<double> z;
      if (b % 2 == 0) {
        z = power(poles.logPoles[static_cast<std::size_t>(k)], static_cast<double>(m));
      } else {
        const double r = re(k, b - 1), i = im(k, b - 1);
        z = {r * r - i * i, 2 * r * i};
        if (m & 1u) z = {z.real() * re(k, 0) - z.imag() * im(k, 0), z.real() * im(k, 0) + z.imag() * re(k, 0)};
      }
      re(k, b) = z.real();
      im(k, b) = z.imag();
    }
  }
  m_sums.resize(12 * static_cast<std::size_t>(padded(K)));
}

void GramSums::sum(Index i, Index first, std::uint64_t M, const SumRow& P, const SumRow& N) const {
  const auto stages = m_stages.real.cols();
  for (Index j = first / width * width; j < m_stages.real.rows(); j += width) {
    Sums plus, minus;
    for (Index b = 0; b < stages; ++b) {
      const double ar = m_stages.real(i, b), ai = m_stages.imaginary(i, b);
      const Lanes er = loaded(&m_stages.real(j, b)), ei = loaded(&m_stages.imaginary(j, b));
      const auto m = static_cast<double>(M >> (stages - b));
      const double last = (M >> (stages - b - 1)) & 1u ? 1 : 0;
      plus.doubleLength(ar * er - ai * ei, ar * ei + ai * er, m, last);
      minus.doubleLength(ar * er + ai * ei, ai * er - ar * ei, m, last);
    }
    for (const auto& [sums, to] : {std::pair{&plus, &P}, std::pair{&minus, &N}}) {
      std::memcpy(to->t0r + j, &sums->t0r, sizeof(Lanes));
      std::memcpy(to->t0i + j, &sums->t0i, sizeof(Lanes));
      std::memcpy(to->t1r + j, &sums->t1r, sizeof(Lanes));
      std::memcpy(to->t1i + j, &sums->t1i, sizeof(Lanes));
      std::memcpy(to->t2r + j, &sums->t2r, sizeof(Lanes));
      std::memcpy(to->t2i + j, &sums->t2i, sizeof(Lanes));
    }
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
  const SumRow P = row(0), N = row(6);
  for (Index i = 0; i < K; ++i) {
    sum(i, i, M, P, N);
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
  const SumRow P = row(0), N = row(6);
  for (Index i = 0; i < K; ++i) {
    sum(i, 0, shortest, P, N);
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
