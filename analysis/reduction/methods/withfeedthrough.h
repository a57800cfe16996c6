// Sequences seen as filters: h[0] = 0, h[n+1] = g[n].
#pragma once

#include <span>
#include <vector>

namespace analysis {

inline std::vector<double> withFeedthrough(std::span<const double> g, double feedthrough = 0) {
  std::vector<double> taps{feedthrough};
  taps.insert(taps.end(), g.begin(), g.end());
  return taps;
}

}  // namespace analysis
