// How much faster a plan would generate, before anything is fitted, loaded or run.
#pragma once

#include <optional>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "engine/shape.h"

namespace app {

// Sizes of the whole model with every filter replaced by a recurrence of its order, as the engine would store it when
// the models are conjugate pairs (an odd order takes the room of the next even one) and a few real poles. None for a checkpoint without a
// language model, or with a mixer that the engine does not run. `orders`: of all banks, one after the other.
std::optional<engine::Shape> plannedShape(const analysis::Checkpoint&, const std::vector<int>& orders);

// Bytes that a token at this position must move, weights included: what it costs wherever memory is the limit. Cached
// convolution over the recurrence of the plan, one sequence. O(filters).
std::optional<double> forecastSpeedUp(const analysis::Checkpoint&, const std::vector<int>& orders, int position);

}  // namespace app
