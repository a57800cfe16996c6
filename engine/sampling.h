// Drawing a token from logits with counter-based noise. The noise depends on (seed, sequence, position, id) alone,
// never on mode, batch or order of execution: lanes that agree on the logits agree on the text.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "engine/workload.h"

namespace engine {

// Philox4x32-10 (Salmon et al. 2011): four 32-bit words from a 128-bit counter and a 64-bit key.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

// Uniform in (0, 1) for one vocabulary id: counter (id/4, position, sequence, 0), word id%4, key seed.
double noise(std::uint64_t seed, int sequence, int position, int id);

// Greedy at temperature 0; otherwise temperature, then top-k, then top-p restrict the set, then Gumbel-max with
// noise(). Ids >= vocabularySize are never drawn. Equal logits: lowest id. Throws Error(input) for non-finite logits.
Token sample(std::span<const float> logits, int vocabularySize, const Sampling&, std::uint64_t seed, int sequence,
             int position);

}  // namespace engine
