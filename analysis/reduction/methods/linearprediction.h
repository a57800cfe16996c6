// Least-squares linear prediction, the start of Prony's and Steiglitz and McBride's methods.
#pragma once

#include <span>
#include <vector>

#include "analysis/task.h"

namespace analysis {

// a[0..order-1] that minimises sum_n (g[n] + a[0] g[n-1] + ... + a[order-1] g[n-order])^2 over n >= order.
// O(M order^2), memory O(order^2). Throws Error(numerical) when the equations are not finite, Stopped.
std::vector<double> linearPrediction(std::span<const double> g, int order, const Task&);

}  // namespace analysis
