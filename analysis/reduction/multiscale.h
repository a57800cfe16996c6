// Starts and refinement for very long filters (reduction page, section 7). Memory linear in the length.
#pragma once

#include <vector>

#include "analysis/reduction/candidate.h"
#include "analysis/reduction/pairsearch.h"

namespace analysis {

// Longer sequences are fitted from here rather than from full-rate spectra and full-rate searches.
inline constexpr Eigen::Index longSamples = 32768;

// Nested start poles of orders 2, 4, .. maxOrder (fewer when the pool is small): the first 2048 D samples box-averaged
// by D = 1, 8, 64 .. are fitted each, their poles pooled, and pairs chosen one by one by orthogonal matching pursuit on
// the pool's closed-form Gram matrix. One pass over the data.
std::vector<PoleSet> multiscaleStarts(const Target&, int maxOrder, const Task& = {});

// Drops one of the three cheapest groups, adds the best pair of what is then left, polishes; as long as that helps, at
// most `rounds` times. Never worse than its argument.
Candidate swapped(const Target&, const PairSearch&, Candidate, int rounds, const Task& = {});

}  // namespace analysis
