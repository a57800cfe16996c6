// Samples of G(z) = sum_n g[n] z^-(n+1) on the upper half of the unit circle, for the frequency-domain methods.
#pragma once

#include <complex>
#include <span>
#include <vector>

namespace analysis {

struct CircleSamples {
  std::vector<std::complex<double>> z, value;  // from z = 1 to z = -1; the lower half is the conjugate
  std::vector<double> weight;                  // grid cells each sample stands for

  // Every frequency of an FFT grid of at least 2 M points; above `dense` cells the first dense/2 of them and a
  // logarithmic choice of as many more. O(M log M).
  CircleSamples(std::span<const double> g, int dense);
};

}  // namespace analysis
