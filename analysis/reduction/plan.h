// How many states each filter gets when the total is given.
#pragma once

#include <span>
#include <vector>

namespace analysis {

// One order per curve; curves[i][d] is the squared error of filter i at order d (made non-increasing first). The sum of
// orders is at most `states`, the sum of errors as small as greedy marginal gains over the convex hulls make it:
// optimal for convex curves, else within the last hull edge of the optimum. O(total orders * log).
std::vector<int> ordersForBudget(std::span<const std::vector<double>> curves, long long states);

}  // namespace analysis
