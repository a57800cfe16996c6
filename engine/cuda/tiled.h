// The convolution in tiles as functions of host code. Every output has a slot in which its sum grows, from three
// places:
//   a step adds the newest inputs itself, those of the running `tileRows` tokens and of the `tileRows` before them;
//   advanceTiles() adds, for the next `tileRows` outputs, what came before those, back to the window before theirs;
//   and for the outputs of the next `tileWindow` tokens all inputs before the running window.
// Both of the latter are due later than their inputs are there, by tileRows and tileWindow tokens: their work is
// divided evenly among the tokens in between, so that one token costs as much as the next (engine page, section 2.1). A
// prompt is added to all later outputs at once. Nothing here allocates or waits.
#pragma once

#include "engine/cuda/heads.h"
#include "engine/cuda/kernels.h"

namespace engine::cuda {

inline constexpr int tileRows = 16, tileWindow = 512;

struct TiledView {
  const float* taps;  // [lags, columns], of heads [heads, lags]; skip in lag 0
  float* slots;       // [batch, capacity, columns]: an output being summed, later the input
  int lags, capacity;
  int columns;  // channels, padded; of MultiHyena the matrices of all heads, entry after entry
  int entries;  // of a head's matrix; 0: no heads
};

// An output from its slot and the newest inputs; the input takes the slot.
void stepTiled(const MixerStep&, const TiledView&, Type, const Launch&);
void promptTiled(const MixerPrompt&, const TiledView&, Type, const Launch&);
// The same of MultiHyena: every entry of k v^T is convolved, y_j = sum_i q_i (h * k_i v_j). O(N) slots per channel.
void stepHeadTiles(const MixerStep&, const HeadsView&, const TiledView&, Type, const Launch&);
// `keys`: [rows, stride] T, for the keys of the piece.
void promptHeadTiles(const MixerPrompt&, const HeadsView&, const TiledView&, void* keys, Type, const Launch&);

// The share of one token, for convolutions that differ in taps and slots alone. It writes slots that no step reads or
// writes before the next token, so it may run beside the step.
struct TiledOperators {
  static constexpr int most = 64;
  int count = 0;
  const float* taps[most];
  float* slots[most];
};
void advanceTiles(const TiledOperators&, const TiledView&, int batch, const Control*, const Launch&);

}  // namespace engine::cuda
