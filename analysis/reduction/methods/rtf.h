// Steiglitz and McBride's fit of a rational transfer function, for callers who want the coefficients too.
#pragma once

#include <span>

#include "analysis/reduction/methods/method.h"
#include "analysis/reduction/methods/rational.h"

namespace analysis {

struct SteiglitzMcBride {
  Rational rational;  // feedthrough 0; of the round with the smallest error of its own b/a
  Poles poles;        // roots of the denominator before it was multiplied out
};

// Linear least squares for (a, b), prefiltered by the last a; unstable roots are reflected in every round. Excellent up
// to order 8, useless at 64. 30 rounds of O(M order^2). Throws Error(numerical), Stopped.
SteiglitzMcBride steiglitzMcBrideFit(std::span<const double> g, int order, const Task&);

}  // namespace analysis
