// A Transformer with random weights in the sizes of another model: what attention would cost where no trained one is
// at hand. Its text is noise, its speed and memory are real.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/model.h"

namespace engine {

// As many layers, channels, inner channels and tokens as `like`, heads of 64 channels (or the largest power of two
// below that divides the width), no learned positions, so that any context fits. The same numbers for the same
// arguments. Throws Error(memory) when the weights do not fit. About a second per 100 million weights.
std::shared_ptr<const Model> randomTransformer(const Model& like, std::uint64_t seed = 1);

}  // namespace engine
