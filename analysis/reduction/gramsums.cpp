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

void GramSums::store(std::size_t q, const PoleSet& poles, Index i, Index j, double pr, double pi, double nr, double ni) {
  const Index K = poles.rows(), pairs = poles.pairs;
  auto& G = moments[q];
  const auto put = [&](Index a, Index b, double value) {
    G(a, b) = G(b, a) = value;
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
      store(0, poles, i, j, P.t0r[j], P.t0i[j], N.t0r[j], N.t0i[j]);
      store(1, poles, i, j, P.t1r[j], P.t1i[j], N.t1r[j], N.t1i[j]);
      store(2, poles, i, j, P.t2r[j], P.t2i[j], N.t2r[j], N.t2i[j]);
    }
  }
}

// With x_k = x[n+k] shifted by the lag, <x, y> = sum_k r_k (x^T y_k + x_k^T y), k = 0 once. A shift by k multiplies a mode
// by e^{s k}, so the sums over all n < M are the unweighted moments times U(s) = r_0 / 2 + sum_{k > 0} r_k e^{s k} and
// V(s) = sum k r_k e^{s k}: no large numbers, since modes only decay. What lies beyond the window, n + k >= M, is taken
// away again: the last q samples times what the lags carry past the end, as matrix products.
void GramSums::computeWeighted(const PoleSet& poles, double length, std::span<const double> lags) {
  compute(poles, length);
  const Index K = poles.rows(), pairs = poles.pairs, d = poles.order();
  const auto M = std::max<Index>(static_cast<Index>(length), 1);
  const Index q = std::min<Index>(static_cast<Index>(lags.size()), M) - 1;
  if (K == 0 || q < 0) return;
  m_steps.fill(poles.logPoles, 1, q + 1);
  Eigen::ArrayXcd end(K), beyond = Eigen::ArrayXcd::Zero(K), beyondMoment = beyond;
  for (Index k = 0; k < K; ++k) end[k] = power(poles.logPoles[static_cast<std::size_t>(k)], static_cast<double>(M - q));
  // Row t is sample n = M - q + t: the basis there, the basis at n + k with the lags that reach the end, and the same
  // weighted by n + k. The lags are added from the largest down: one reaches beyond the end at the last q samples alone.
  for (auto* rows : {&m_last, &m_carried, &m_carriedMoment}) rows->resize(q, d);
  const auto put = [&](Eigen::MatrixXd& to, Index t, const Eigen::ArrayXcd& values) {
    to.row(t).head(K) = values.real().matrix().transpose();
    to.row(t).tail(pairs) = values.imag().head(pairs).matrix().transpose();
  };
  const auto step = [&](Index n) {
    Eigen::ArrayXcd z(K);
    z.real() = m_steps.real.col(n).array();
    z.imag() = m_steps.imaginary.col(n).array();
    return z;
  };
  for (Index t = 0; t < q; ++t) {
    const auto lag = static_cast<double>(q - t);
    const Eigen::ArrayXcd shifted = lags[static_cast<std::size_t>(q - t)] * step(q - t), here = end * step(t);
    beyond += shifted;
    beyondMoment += lag * shifted;
    put(m_last, t, here);
    put(m_carried, t, here * beyond);
    put(m_carriedMoment, t, here * (static_cast<double>(M - q + t) * beyond + beyondMoment));
  }
  beyond += 0.5 * lags[0];  // U; beyondMoment is V
  const Eigen::VectorXd n = Eigen::VectorXd::LinSpaced(q, static_cast<double>(M - q), static_cast<double>(M - 1));
  // G with each mode of its columns multiplied by a number: Re and Im of e^{s n} U.
  const auto times = [&](const Eigen::MatrixXd& G, const Eigen::ArrayXcd& by) {
    Eigen::MatrixXd out(d, d);
    out.leftCols(K) = G.leftCols(K) * by.real().matrix().asDiagonal();
    out.leftCols(pairs) -= G.rightCols(pairs) * by.imag().head(pairs).matrix().asDiagonal();
    out.rightCols(pairs) = G.rightCols(pairs) * by.real().head(pairs).matrix().asDiagonal();
    out.rightCols(pairs) += G.leftCols(pairs) * by.imag().head(pairs).matrix().asDiagonal();
    return out;
  };
  const auto withTranspose = [](const Eigen::MatrixXd& half) { return Eigen::MatrixXd(half + half.transpose()); };
  auto& [G0, G1, G2] = moments;
  const Eigen::MatrixXd G1U = times(G1, beyond);
  const Eigen::MatrixXd carried = m_last.transpose() * m_carried;
  const Eigen::MatrixXd lastMoment = n.asDiagonal() * m_last;
  G2 = withTranspose(times(G2, beyond) + times(G1, beyondMoment) - lastMoment.transpose() * m_carriedMoment);
  G1 = G1U + G1U.transpose() + times(G0, beyondMoment) - m_last.transpose() * m_carriedMoment -
       (n.asDiagonal() * m_carried).transpose() * m_last;
  G0 = withTranspose(times(G0, beyond) - carried);
}

}  // namespace analysis
