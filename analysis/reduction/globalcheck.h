// Is a fit the best there is? No certificate says so, but many random starts that find nothing better make it likely
// (reduction page, section 15.7). For small orders, in idle time.
#pragma once

#include <cstdint>

#include "analysis/checkpoint/filter.h"
#include "analysis/reduction/fit.h"
#include "analysis/task.h"

namespace analysis {

struct GlobalCheck {
  int starts = 0;   // descents made
  int reached = 0;  // of them, how many ended within 0.1 % of the best error seen, the fit's own included
  Fit best;         // the given fit, or a better one that was found

  bool improved = false;  // by more than 0.1 %: the given fit is not the best
  // Nothing better was found by many descents, and some of them ended at the fit: chance is not what found it.
  bool probablyGlobal() const { return !improved && reached >= 3 && starts >= 100; }
};

// Descents from `starts` random sets of poles (log-uniform decays between 0.3/M and 1, angles pi u^2, pairs and reals)
// of the fit's order. About 1 ms each at order 8 and L = 1024. Deterministic: one seed. Stopped between descents and
// inside of them. Throws Error(input) for an order above `largestCheckedOrder`, where random starts say little.
inline constexpr int largestCheckedOrder = 8;
GlobalCheck checkGlobal(const Filter&, const Fit&, int starts = 400, const Task& = {});

}  // namespace analysis
