// Truncation of a model that is already modal: keep the modes that matter, drop the others.
#pragma once

#include "analysis/reduction/statespace.h"

namespace analysis {

// The modes with the largest energy per state on taps 1..length-1, at most `order` states; residues unchanged (refit
// them: that never hurts). A pair that no longer fits is passed over for the next real pole. O(length modes).
// Throws Error(input) for order < 0 or length < 1. Source: Davison 1966, with the energy as measure of dominance.
StateSpace modalTruncation(const StateSpace&, int order, int length);

}  // namespace analysis
