// One checkpoint distilled to several orders at once: what plans by loss choose from.
#pragma once

#include <span>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/reduction/distilled.h"
#include "analysis/task.h"

namespace engine {

// Every filter at each of the orders (ascending, 0 and up; 0 keeps h[0] alone), one Distilled per order. The work that
// is common to the orders of a filter is done once. Threads 0: all cores; the result does not depend on them.
std::vector<analysis::Distilled> distilledLevels(const analysis::Checkpoint&, std::span<const int> orders,
                                                 analysis::Effort = analysis::Effort::quick, int threads = 0,
                                                 const analysis::Task& = {});

// 0, 1, 2, 3, 4, 6, 8, 12, 16, ... up to maxOrder: finest where a state more matters most.
std::vector<int> levelOrders(int maxOrder);

}  // namespace engine
