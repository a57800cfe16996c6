// Causal multi-head attention with a key-value cache: the Transformer that Hyena is compared with.
#pragma once

#include "engine/cpu/keyvalues.h"
#include "engine/cpu/sublayer.h"
#include "engine/weights.h"

namespace engine::cpu {

class AttentionSublayer final : public Sublayer {
 public:
  AttentionSublayer(const Attention& weights, int batch, int capacity, Workspace& workspace, Meter& cache);
  void step(Context&, int position, int batch, float* residual) override;
  void prefill(Context&, int sequence, int position, int tokens, float* residual) override;

  // Scratch floats per thread.
  static std::size_t scratchFloats(int capacity);

 private:
  void project(Context&, int rows, const float* residual);
  void attend(Context&, int thread, int sequence, int head, int position, int rows, const float* streams, float* mixed);

  const Attention& m_weights;
  Workspace& m_workspace;
  KeyValues m_cache;
  int m_width;
};

}  // namespace engine::cpu
