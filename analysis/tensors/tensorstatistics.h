// What can be said of a tensor's values without looking at each.
#pragma once

#include <cstdint>

#include "analysis/task.h"
#include "analysis/tensors/tensorfile.h"

namespace analysis {

// Over the finite values; NaN where there is none.
struct TensorStatistics {
  double min = 0, max = 0, mean = 0;
  double rms = 0;  // sqrt(mean of squares)
  std::uint64_t finiteCount = 0, nanCount = 0, infiniteCount = 0, zeroCount = 0;
};

// Reads the whole tensor in pieces: O(elements) time, O(1) memory. Sums run in long double: no overflow of squares, and
// the mean of 10^9 values keeps ten digits. Throws Error(input) for values that are not real numbers, and Stopped.
TensorStatistics statisticsOf(const TensorFile&, const TensorInfo&, const Task& = {});

}  // namespace analysis
