// What can be asked of a session: how the mixer remembers, how many sequences, how tokens are drawn.
#pragma once

#include <cstdint>
#include <string_view>

namespace engine {

using Token = std::int32_t;

// How a block remembers the past. Only the mixer's memory differs between modes (engine page, section 2).
enum class Mixer {
  convolutionLazy,  // keep all past inputs, y_t = sum_s h[t-s] u_s: exact for the original filter
  modal,            // modal recurrence of the distilled filter: constant state
  attention         // KV cache (Transformer)
};
std::string_view name(Mixer);

enum class Prefill { automatic, fft, scan };
std::string_view name(Prefill);

struct Mode {
  Mixer mixer = Mixer::convolutionLazy;
  Prefill prefill = Prefill::automatic;
};

// Temperature 0 is greedy (lowest id wins ties). topK 0 and topP 1 switch the restriction off.
struct Sampling {
  double temperature = 0;
  int topK = 0;
  double topP = 1;
};

struct Workload {
  int batch = 1;             // sequences generated together
  int capacityTokens = 2048; // prompt + generated at most: what caches are sized for
  Mode mode;
  Sampling sampling;
  std::uint64_t seed = 0;    // key of the noise: (seed, sequence, position) -> the same numbers in every mode
};

}  // namespace engine
