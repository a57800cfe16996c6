// Powers e^{s n} of log-poles and sums of them: what synthesis, transforms and Gram sums are made of.
#pragma once

#include <Eigen/Core>
#include <complex>
#include <span>

namespace analysis {

// e^{s n} for a whole number n. The product s n is carried to twice the precision, so that the angle keeps its digits:
// the error is a few units of rounding even at n = 2^20, where n * omega alone would have lost ten decimal digits.
std::complex<double> power(std::complex<double> logPole, double n);

// e^x - 1 without cancellation near x = 0.
std::complex<double> expm1(std::complex<double> x);

// e^{s_k (step * j)}, one row per pole, columns j = 0..count-1, split into real and imaginary parts.
struct PowerTable {
  Eigen::MatrixXd real, imaginary;

  // O(poles * (count + log count)). Powers 1, 4, 16 .. are exact, the others products of those: a
  // few units of rounding off.
  void fill(std::span<const std::complex<double>> logPoles, double step, Eigen::Index count);
};

// out[n] += sum_k Re(weight_k e^{s_k n}) for n = 0..out.size()-1. O(out.size() * poles) as one matrix product.
void addExponentials(std::span<const std::complex<double>> logPoles, std::span<const std::complex<double>> weights,
                     std::span<double> out);

}  // namespace analysis
