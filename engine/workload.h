// What can be asked of a session: how the mixer remembers, how many sequences, how tokens are drawn.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace engine {

using Token = std::int32_t;

// How a block remembers the past. Only the mixer's memory differs between modes (engine page, section 2).
enum class Mixer {
  convolutionLazy,   // keep all past inputs, y_t = sum_s h[t-s] u_s: exact for the original filter
  convolutionTiled,  // the same sums in tiles: near-linear total work, a slot for every token of the capacity
  modal,             // modal recurrence of the distilled filter: constant state
  modalBlocked,      // the same in blocks of blockLength tokens: less memory traffic, more state
  companion,         // the same filter as second-order sections
  attention          // KV cache (Transformer)
};
std::string_view name(Mixer);

// How a prompt is read (engine page, section 3). All give the same outputs and state, to rounding. Automatic takes the
// cheapest that the mixer has, by measured costs (cpu/prefill.h).
enum class Prefill {
  automatic,
  fft,           // convolutions by FFT
  toeplitz,      // convolutions as they are written, in tiles: O(tokens^2), faster for short prompts
  scan,          // token after token
  chunkedModal,  // recurrences in chunks: a convolution inside, the state carried by powers of the poles
  stateFree      // outputs by FFT of h^, as if there were no state; the state at the end by dot products
};
std::string_view name(Prefill);

// The ways of a mixer on the CPU, `heads`: of MultiHyena. A GPU can be asked for toeplitz (convolutions) and scan (the
// rest); of itself it takes chunks of a recurrence where it can.
std::vector<Prefill> prefillWays(Mixer, bool heads);

struct Mode {
  Mixer mixer = Mixer::convolutionLazy;
  Prefill prefill = Prefill::automatic;
  int blockLength = 16;  // of modalBlocked, 1 to 64; about sqrt(8 x order) moves the fewest bytes
};

// Whether the mode runs state-space models in place of the filters.
inline bool recurrent(Mixer mixer) {
  return mixer == Mixer::modal || mixer == Mixer::modalBlocked || mixer == Mixer::companion;
}

// Of matrices, activations and caches; sums, norms, states and logits are float32 always.
enum class Precision {
  automatic,  // the CPU: float32; a GPU: bfloat16
  float32,    // to check a GPU against the CPU
};

// Temperature 0 is greedy (lowest id wins ties). topK 0 and topP 1 switch the restriction off.
struct Sampling {
  double temperature = 0;
  int topK = 0;
  double topP = 1;
};

struct Workload {
  int batch = 1;              // sequences generated together
  int capacityTokens = 2048;  // prompt + generated at most: what caches are sized for
  Mode mode;
  Sampling sampling;
  Precision precision = Precision::automatic;
  bool batchInvariant = false;  // GPU: the same bits for every batch, at the price of speed; the CPU always is
  std::uint64_t seed = 0;  // key of the noise: (seed, sequence, position) -> the same numbers in every mode
};

}  // namespace engine
