// Models grown one mode at a time (reduction page, 4.2d): the start for filters with several time scales, which Hankel
// norms, weighting sample n by about n + 1, see badly.
#pragma once

#include <functional>

#include "analysis/reduction/candidate.h"
#include "analysis/reduction/pairsearch.h"

namespace analysis {

// Adds the best pair of the residual and polishes 15 steps, up to maxOrder (an odd one ends with a real pole).
// `visit` sees every model on the way; `once`, where given, calls each step or knows its result from before. Ends early
// at an exact model. Returns the last.
using GrowthStep = std::function<Candidate()>;
Candidate grow(const Target&, const PairSearch&, int maxOrder, const Task& = {},
               const std::function<Candidate(const GrowthStep&)>& once = {},
               const std::function<void(const Candidate&)>& visit = {});

// One mode more: the best pair or the best real pole of what is left.
PoleSet pairAdded(const Target&, const PairSearch&, const Candidate&, const Task& = {});
PoleSet realAdded(const Target&, const PairSearch&, const Candidate&);
// The same, polished 15 steps.
Candidate withPair(const Target&, const PairSearch&, const Candidate&, std::string source, const Task& = {});
Candidate withReal(const Target&, const PairSearch&, const Candidate&, std::string source, const Task& = {});

}  // namespace analysis
