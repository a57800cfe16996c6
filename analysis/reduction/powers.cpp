#include "analysis/reduction/powers.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace analysis {

using Eigen::Index;

std::complex<double> power(std::complex<double> logPole, double n) {
  const double p = logPole.real() * n, w = logPole.imag() * n;
  const double radius = std::exp(p);
  if (radius == 0) return 0;
  const double pRest = std::fma(logPole.real(), n, -p), wRest = std::fma(logPole.imag(), n, -w);
  const double r = radius + radius * pRest;
  const double c = std::cos(w), s = std::sin(w);
  return {r * (c - s * wRest), r * (s + c * wRest)};
}

std::complex<double> expm1(std::complex<double> x) {
  const double sine = std::sin(x.imag() / 2);
  return {std::expm1(x.real()) * std::cos(x.imag()) - 2 * sine * sine, std::exp(x.real()) * std::sin(x.imag())};
}

void PowerTable::fill(std::span<const std::complex<double>> logPoles, double step, Index count) {
  const auto poles = static_cast<Index>(logPoles.size());
  real.resize(poles, count);
  imaginary.resize(poles, count);
  for (Index j = 0; j < count; ++j) {
    const auto high = static_cast<Index>(std::bit_floor(static_cast<std::size_t>(j)));
    const bool exact = j == 0 || std::countr_zero(static_cast<std::size_t>(j)) % 2 == 0;
    if (j == high && exact) {  // 0, 1, 4, 16 ..
      for (Index k = 0; k < poles; ++k) {
        const auto z = power(logPoles[static_cast<std::size_t>(k)], step * static_cast<double>(j));
        real(k, j) = z.real();
        imaginary(k, j) = z.imag();
      }
      continue;
    }
    const Index half = j == high ? j / 2 : high, low = j - half;
    const double *ar = &real(0, half), *ai = &imaginary(0, half), *br = &real(0, low), *bi = &imaginary(0, low);
    double *zr = &real(0, j), *zi = &imaginary(0, j);
#pragma omp simd
    for (Index k = 0; k < poles; ++k) {
      zr[k] = ar[k] * br[k] - ai[k] * bi[k];
      zi[k] = ar[k] * bi[k] + ai[k] * br[k];
    }
  }
}

void addExponentials(std::span<const std::complex<double>> logPoles, std::span<const std::complex<double>> weights,
                     std::span<double> out) {
  const auto length = static_cast<Index>(out.size());
  const auto poles = static_cast<Index>(logPoles.size());
  if (length == 0 || poles == 0) return;
  const auto block = std::max<Index>(1, static_cast<Index>(std::sqrt(static_cast<double>(length))));
  const Index blocks = (length + block - 1) / block;
  PowerTable inner, outer;
  inner.fill(logPoles, 1, block);
  outer.fill(logPoles, static_cast<double>(block), blocks);
  // Re(w a b) = Re(a) Re(w b) - Im(a) Im(w b)
  Eigen::MatrixXd left(2 * poles, block), right(2 * poles, blocks);
  left << inner.real, -inner.imaginary;
  for (Index k = 0; k < poles; ++k) {
    const auto weight = weights[static_cast<std::size_t>(k)];
    right.row(k) = weight.real() * outer.real.row(k) - weight.imag() * outer.imaginary.row(k);
    right.row(poles + k) = weight.real() * outer.imaginary.row(k) + weight.imag() * outer.real.row(k);
  }
  const Eigen::MatrixXd sum = left.transpose() * right;
  Eigen::Map<Eigen::VectorXd>(out.data(), length) += Eigen::Map<const Eigen::VectorXd>(sum.data(), length);
}

}  // namespace analysis
