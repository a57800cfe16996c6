#include "app/commandline/latency.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace commandline {

double quantile(std::span<const double> values, double share) {
  if (values.empty()) return NAN;
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const double rank = share * double(sorted.size() - 1);
  const auto below = std::size_t(rank);
  const auto above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], rank - double(below));
}

double tokensPerSecond(const engine::Timings& timings, int batch) {
  const double seconds = std::accumulate(timings.tokenSeconds.begin(), timings.tokenSeconds.end(), 0.0);
  return seconds > 0 ? double(timings.tokenSeconds.size()) * batch / seconds : NAN;
}

double firstTokenSeconds(const engine::Timings& timings) {
  return timings.prefillSeconds + (timings.tokenSeconds.empty() ? 0 : timings.tokenSeconds.front());
}

nlohmann::ordered_json latencyJson(const engine::Timings& timings) {
  const auto& seconds = timings.tokenSeconds;
  return {{"p50", quantile(seconds, 0.5)},
          {"p90", quantile(seconds, 0.9)},
          {"p99", quantile(seconds, 0.99)},
          {"max", quantile(seconds, 1)}};
}

nlohmann::ordered_json memoryJson(const engine::MemoryUse& use) {
  return {{"weights", use.weightBytes},
          {"tables", use.tableBytes},
          {"state", use.stateBytes},
          {"cache", use.cacheBytes},
          {"workspace", use.workspaceBytes}};
}

}  // namespace commandline
