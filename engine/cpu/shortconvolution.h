// The depthwise causal convolution of a few taps that follows an operator's input projection.
#pragma once

#include "engine/snapshot.h"
#include "engine/weights.h"

namespace engine::cpu {

class ShortConvolution {
 public:
  static constexpr int maxTaps = 8;      // enough for every known family
  static constexpr int maxColumns = 64;  // columns that one call may take

  // Keeps taps - 1 inputs per channel and sequence, zero at first (not the bias).
  ShortConvolution(const ShortFilter& filter, int batch, Meter& state);

  void reset() { m_history.clear(); }
  void archive(StateArchive& state) { state.value(m_history); }
  // In place on `rows` = [tokens, filter.channels] of one sequence, columns [first, first + count) only, so that
  // threads can share the work.
  void apply(int sequence, int tokens, float* rows, int first, int count);

 private:
  const ShortFilter& m_filter;
  Buffer<float> m_history;  // [batch, taps - 1, channels], newest first
};

}  // namespace engine::cpu
