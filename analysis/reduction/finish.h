// The last touches to a model whose place on the curve is settled (reduction page, 4.5 and 4.7).
#pragma once

#include "analysis/reduction/candidate.h"

namespace analysis {

// Near-double poles told apart: a pair closer to the real axis than that share of its decay (2 %) becomes two real
// poles, two real poles of one sign that close become a pair. Empty when there is nothing to do. Such poles are the
// only source of large cancelling residues at an optimum.
PoleSet splitAndMerged(const PoleSet&, double closeness = 0.02);

// Polishes, splits and merges as long as that does not cost error, and polishes again. Never worse than its argument.
Candidate finished(const Target&, Candidate, const Task& = {});

// sum_k |R_k| over the largest |g|: how much the modes cancel each other, as StateSpace::cancellation. O(M).
double cancellation(const Target&, const Candidate&);
// Largest cancellation that calmed() hands out: float32 then still holds four digits.
inline constexpr double largestCancellation = 1000;
// Where the modes cancel each other more than 50-fold, or several are constants over the window: their poles moved apart
// as far as that costs at most 0.2 % of the squared error and lowers the cancellation. Above largestCancellation they are
// moved apart, or the wildest left out, whatever that costs. Otherwise the argument.
Candidate calmed(const Target&, Candidate, const Task& = {});

}  // namespace analysis
