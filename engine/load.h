// Reading a checkpoint's weights and filters into the engine's order. Internal to engine.
#pragma once

#include <memory>

#include "engine/weights.h"

namespace engine {

// Everything but the shape. Throws Error(unsupported) for what the engine cannot run, Error(input) for a weight of the
// wrong size, and what the checkpoint throws.
std::shared_ptr<const Model::Weights> loadWeights(const analysis::Checkpoint&, const analysis::LanguageModel&,
                                                  const analysis::Task&, WeightType = WeightType::float32);

}  // namespace engine
