// Filters that a file already holds as sums of exponentials.
#pragma once

#include <complex>
#include <functional>
#include <memory>
#include <vector>

#include "analysis/checkpoint/survey.h"

namespace analysis {

// h[t] = Re sum_n coefficients[n] poles[n]^t for t >= 0.
struct Modes {
  std::vector<std::complex<double>> poles, coefficients;
  double skip = 0;
};

// Filters of `lengthSamples` taps; `modesOf` reads one channel's modes (thread-safe). O(N L) per channel; the powers
// are built by multiplication, whose relative error grows as t times 2^-53.
std::shared_ptr<const FilterSource> modalSource(int lengthSamples, std::function<Modes(int channel)> modesOf);

// Filters given by their taps: `tapsOf` fills one channel's taps and returns its skip.
std::shared_ptr<const FilterSource> tapsSource(int lengthSamples,
                                               std::function<double(int channel, std::span<double> taps)> tapsOf);

// How many taps to evaluate of filters that never end: from the configuration, else 2048; a choice. At most 2^26.
int evaluatedLength(Survey&, const std::vector<std::string>& names);

// Numbers [first, first + count) of a tensor.
std::vector<double> readRange(const TensorFile&, const TensorInfo&, std::uint64_t first, std::size_t count);
// Pairs (re, im) [first, first + count) of a tensor whose last dimension is 2.
std::vector<std::complex<double>> readComplex(const TensorFile&, const TensorInfo&, std::uint64_t first,
                                              std::size_t count);

}  // namespace analysis
