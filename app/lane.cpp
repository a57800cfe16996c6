#include "app/lane.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace app {

double Lane::rate(int batch) const {
  const bool ended = phase == Phase::finished || phase == Phase::stopped;
  const double window = ended ? std::numeric_limits<double>::infinity() : 0.5;
  double seconds = 0;
  std::size_t count = 0;
  for (auto it = tokenSeconds.rbegin(); it != tokenSeconds.rend() && seconds < window; ++it, ++count) seconds += *it;
  return seconds > 0 ? static_cast<double>(batch) * static_cast<double>(count) / seconds : 0;
}

const SweepPoint* Lane::bestBatch() const {
  const auto best = std::max_element(sweep.begin(), sweep.end(), [](const SweepPoint& a, const SweepPoint& b) {
    return a.tokensPerSecond < b.tokensPerSecond;
  });
  return best == sweep.end() ? nullptr : &*best;
}

double Lane::bytesAt(int position) const {
  const double share = capacityTokens > 0 ? static_cast<double>(position) / capacityTokens : 0;
  return static_cast<double>(stateBytes) + static_cast<double>(cacheBytes) * share;
}

double Lane::percentileSeconds(double share) const {
  if (tokenSeconds.empty()) return 0;
  std::vector<double> sorted = tokenSeconds;
  const auto at = static_cast<std::ptrdiff_t>(std::llround(share * static_cast<double>(sorted.size() - 1)));
  std::nth_element(sorted.begin(), sorted.begin() + at, sorted.end());
  return sorted[static_cast<std::size_t>(at)];
}

double Lane::flopsPerByte(int batch) const {
  const double bytes = static_cast<double>(footprint.weightBytes) + batch * footprint.movedBytesPerToken;
  return bytes > 0 ? batch * footprint.flopsPerToken / bytes : 0;
}

double Lane::flopsPerSecond(int batch) const {
  return rate(batch) * footprint.flopsPerToken;
}

double Lane::medianSeconds() const {
  return percentileSeconds(0.5);
}

}  // namespace app
