// The distilled filter as a modal recurrence: constant state, constant time per token (engine page, equation 1).
#pragma once

#include <memory>

#include "engine/cpu/convolution.h"
#include "engine/cpu/longmemory.h"
#include "engine/tables.h"

namespace engine::cpu {

class ModalMemory final : public LongMemory {
 public:
  // 4 bytes per stored real state and sequence; channels without a model add their convolution's cache. `table` must
  // outlive it.
  ModalMemory(const ModalTable& table, int batch, int capacity, Meter& state, Meter& cache, Meter& workspace);

  void reset() override;
  bool incremental() const override { return !m_kept; }
  void step(Context&, int position, const float* u, float* y) override;
  // The recurrence, serial in time and parallel over channels.
  void prefill(Context&, int sequence, int position, int tokens, const float* u, float* y) override;

 private:
  void scan(int group, int sequence, int tokens, const float* u, float* y);
  void gatherKept(int rows, const float* u);
  void scatterKept(int rows, float* y) const;

  const ModalTable& m_table;
  int m_batch;
  Buffer<float> m_states;  // [batch, table.stateFloats]
  std::unique_ptr<ConvolutionMemory> m_kept;
  Buffer<float> m_keptInputs;  // [tokens or batch, kept channels]
};

}  // namespace engine::cpu
