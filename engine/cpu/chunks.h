// Recurrences in chunks of Q tokens (engine page, section 3, "chunked modal"): inside a chunk the distilled filter is a
// convolution with its first Q taps; what came before it acts through the state alone. For the state rows s of a
// channel (pair after pair, then real poles, as ModalMemory keeps them), t, j in [0, Q):
//   y_t = sum_row outputs[row][t] s_row + sum_(j <= t) taps[j] u_(t-j),   s <- carry s + sum_j inputs[.][j] u_(Q-1-j),
// carry = A^Q a 2 x 2 matrix for each pair. The same form serves poles (A = lambda) and second-order sections.
#pragma once

#include "analysis/reduction/distilled.h"
#include "engine/tables.h"

namespace engine::cpu {

struct ChunkTable {
  static constexpr int length = 16;    // Q: half as many products by taps, and the tables of a group stay in the caches
  static constexpr int carryRows = 4;  // for each row of state: pairs a b c d hi, then lo; reals hi, lo and two spare
  Buffer<float> inputs, outputs;       // group after group [rows, Q, 16]; a group's rows begin at its state * Q
  Buffer<float> carry;                 // [rows, 4, 16]
  Buffer<float> taps;                  // [groups, Q, 16]; tap 0 is the direct term
};

// `sections`: for the states of sections (tables.h). O(channels * Q * modes), float64.
ChunkTable chunkTable(const ModalTable&, const analysis::DistilledBank&, bool sections, Meter& tables);
// Its floats, for a bank of so many state floats and places.
std::size_t chunkTableFloats(std::size_t stateFloats, std::size_t places);

// Whole chunks of one group: u and y [tokens, 16] in the order of the group's places, tokens a multiple of Q; `state`
// [rows, 16]. y null: the state alone.
void runChunks(const ChunkTable&, const ModalTable&, int group, int tokens, const float* u, float* y, float* state);

}  // namespace engine::cpu
