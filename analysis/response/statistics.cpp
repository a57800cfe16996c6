#include "analysis/response/statistics.h"

#include <cmath>

namespace analysis {

Statistics statistics(std::span<const double> taps) {
  Statistics result;
  for (std::size_t t = 0; t < taps.size(); ++t) {
    if (!std::isfinite(taps[t])) return Statistics{.finite = false};
    if (std::abs(taps[t]) > result.peak) {
      result.peak = std::abs(taps[t]);
      result.peakLagSamples = static_cast<int>(t);
    }
  }
  if (result.peak == 0) return result;

  // Relative to the peak, so that very large or small filters neither overflow nor vanish.
  const auto square = [&](double tap) { return (tap / result.peak) * (tap / result.peak); };
  double total = 0;
  for (const double tap : taps) total += square(tap);
  double head = 0;
  for (const double tap : taps) {
    head += square(tap);
    ++result.effectiveLengthSamples;
    if (head >= 0.999 * total) break;
  }
  result.energy = total * result.peak * result.peak;
  result.firstTapShare = std::abs(taps[0]) / (result.peak * std::sqrt(total));
  return result;
}

}  // namespace analysis
