// What can be said of one filter in one number each. O(L).
#pragma once

#include <span>

namespace analysis {

struct Statistics {
  double energy = 0;               // sum h^2
  double peak = 0;                 // max |h|
  int peakLagSamples = 0;          // where |h| is largest
  int effectiveLengthSamples = 0;  // smallest n whose first n taps hold 99.9 % of the energy; 0 for a zero filter
  double firstTapShare = 0;        // |h[0]| / ||h||: what the feedthrough alone carries
  bool finite = true;              // false: NaN or Inf among the taps; the rest is then 0
};

Statistics statistics(std::span<const double> taps);

}  // namespace analysis
