// Causal multi-head attention with a key-value cache: the Transformer that Hyena is compared with. Query heads may
// share keys and values, and positions may be rotary.
#pragma once

#include <vector>

#include "engine/cpu/keyvalues.h"
#include "engine/cpu/sublayer.h"
#include "engine/weights.h"

namespace engine::cpu {

class AttentionSublayer final : public Sublayer {
 public:
  AttentionSublayer(const Attention& weights, int batch, int capacity, Workspace& workspace, Meter& cache);
  void archive(StateArchive& state) override { m_cache.archive(state); }
  void step(Context&, int position, int batch, float* residual) override;
  void prefill(Context&, int sequence, int position, int tokens, float* residual) override;

  // Scratch floats per thread.
  static std::size_t scratchFloats(int capacity);

 private:
  void project(Context&, int rows, const float* residual);
  // Turns queries and keys in place; row r stands at `position`, or at position + r of one sequence.
  void rotate(Context&, int position, int rows, bool oneSequence);
  void append(int sequence, int head, int position, const float* streams);
  void attend(Context&, int thread, int sequence, int head, int position, int rows, const float* streams, float* mixed);
  // The same of many rows of a prompt, where the head's width allows it.
  void attendTogether(Context&, int thread, int sequence, int head, int position, int rows, const float* streams,
                      float* mixed);

  const Attention& m_weights;
  Workspace& m_workspace;
  KeyValues m_cache;
  int m_width;
  std::size_t m_streams;              // floats of a row: queries, keys, values
  std::vector<double> m_frequencies;  // radians per token of each rotated pair
};

}  // namespace engine::cpu
