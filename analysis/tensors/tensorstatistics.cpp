#include "analysis/tensors/tensorstatistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace analysis {

TensorStatistics statisticsOf(const TensorFile& file, const TensorInfo& info, const Task& task) {
  constexpr std::uint64_t piece = 1 << 16;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  TensorStatistics found;
  found.min = infinity;
  found.max = -infinity;
  long double sum = 0, squares = 0;
  file.read(info, 0, std::span<double>());  // refuses what has no real values before memory is taken
  std::vector<double> values(static_cast<std::size_t>(std::min(piece, info.elementCount)));
  for (std::uint64_t at = 0; at < info.elementCount; at += piece) {
    task.throwIfStopped();
    task.report(static_cast<double>(at) / static_cast<double>(info.elementCount), "Reading " + info.name);
    const auto part = std::span(values).first(static_cast<std::size_t>(std::min(piece, info.elementCount - at)));
    file.read(info, at, part);
    for (const double value : part) {
      found.nanCount += std::isnan(value);
      found.infiniteCount += std::isinf(value);
      if (!std::isfinite(value)) continue;
      ++found.finiteCount;
      found.zeroCount += value == 0;
      found.min = std::min(found.min, value);
      found.max = std::max(found.max, value);
      sum += value;
      squares += static_cast<long double>(value) * value;
    }
  }
  if (found.finiteCount == 0) {
    found.min = found.max = found.mean = found.rms = std::numeric_limits<double>::quiet_NaN();
  } else {
    const auto count = static_cast<long double>(found.finiteCount);
    found.mean = static_cast<double>(sum / count);
    found.rms = static_cast<double>(std::sqrt(squares / count));
  }
  return found;
}

}  // namespace analysis
