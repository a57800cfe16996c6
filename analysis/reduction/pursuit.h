// Orthogonal matching pursuit on a pool of poles: which of them explain the data best together.
#pragma once

#include <vector>

#include "analysis/reduction/poleset.h"
#include "analysis/reduction/target.h"
#include "analysis/task.h"

namespace analysis {

// Starts of growing order from the pool: at each step the pair (or real pole) that lowers the squared error most per
// state, with the chosen ones refitted, summed over the target's channels; the last has order maxOrder where the pool
// is rich enough. One pass over the data, the rest on the pool's closed-form Gram matrix: O(M P + maxOrder P^2) for P
// pool states. Weights are left aside. Stopped between steps.
std::vector<PoleSet> pursuit(const Target&, const PoleSet& pool, int maxOrder, const Task& = {});

}  // namespace analysis
