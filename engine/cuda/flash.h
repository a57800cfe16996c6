// Attention of prompts on the tensor cores of compute capability 9.0.
#pragma once

#include "engine/cuda/kernels.h"

namespace engine::cuda {

// As promptAttention() in bfloat16, once the piece's keys and values are in the cache; false, and nothing done, where it
// cannot: heads of other than 64 or 128 channels, another device. Bits do not depend on how a prompt is divided.
bool flashAttention(const MixerPrompt&, const AttentionView&, const Launch&);

}  // namespace engine::cuda
