// What single precision does to a model when it runs as a recurrence.
#pragma once

#include "analysis/reduction/statespace.h"

namespace analysis {

// Relative RMS error of the output over `steps` samples of fixed white noise: float32 states in delta form,
// x += (lambda - 1) x + u with lambda - 1 = expm1(s) rounded once, against float64. 1e-6 is usual; a model much above
// 1e-5 has modes that cancel each other. O(steps * modes).
double float32RecurrenceError(const StateSpace&, int steps = 8192);

}  // namespace analysis
