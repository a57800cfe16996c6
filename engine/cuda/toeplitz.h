// Prompts of the exact convolution on tensor cores.
#pragma once

#include "engine/cuda/kernels.h"

namespace engine::cuda {

// As promptLazy() in bfloat16, once the piece's inputs are in the cache; false, and nothing done, where a block of threads
// has less than 130 kB of shared memory. Taps count with 16 bits, sums are float32; bits do not depend on how a prompt is
// divided.
bool promptToeplitz(const MixerPrompt&, const LazyView&, const Launch&);

}  // namespace engine::cuda
