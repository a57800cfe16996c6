// One set of poles for several filters, residues of their own for each: heads, groups or whole layers whose filters are
// alike need their poles stored and stepped only once (reduction page, section 15.1).
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "analysis/checkpoint/filter.h"
#include "analysis/reduction/fit.h"
#include "analysis/reduction/poleset.h"
#include "analysis/reduction/reducer.h"
#include "analysis/task.h"

namespace analysis {

struct JointFit {
  PoleSet poles;
  std::vector<Fit> fits;  // one per filter, in their order; the same poles bit for bit, every model stands alone
  double errorRelative = 0;  // root mean square of the filters' relative errors: what was made small
};

// Minimises sum_c ||h_c - h^_c||^2 / ||h_c||^2 over the poles, residues by least squares for each filter: variable
// projection with one Gram matrix and a right-hand side per filter, after a rotation to their principal components
// (which changes neither the objective nor its derivatives). Starts: pursuit in the pooled poles of the components and
// greedy growth; Effort quick takes the first alone, standard and full swap modes afterwards. Deterministic.
// Cost: about that of one fit of as many samples as the components have together.
// Throws Error(input) when there is no filter, their lengths differ or the order is below 1, Error(numerical) when a tap
// is not finite, Stopped.
JointFit fitTogether(std::span<const std::shared_ptr<const Filter>>, int order, Effort = Effort::standard,
                     const Task& = {});

// Real numbers that models of `order` states take in a file, feedthroughs included: two per state, of which the poles'
// half is stored once for each set of `filtersPerSet` filters.
long long storedNumbers(int order, int filters, int filtersPerSet = 1);

}  // namespace analysis
