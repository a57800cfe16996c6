// The distilled filter as a recurrence: constant state, constant time per token. Modal (engine page, equation 1), or
// the same poles as second-order sections (section 2.3; tables.h), with fewer operations.
#pragma once

#include "engine/cpu/longmemory.h"
#include "engine/tables.h"

namespace engine::cpu {

class ModalMemory final : public LongMemory {
 public:
  // 4 bytes per stored real state and sequence. Channels without a model give 0 (see PartialMemory). `table` must
  // outlive it.
  ModalMemory(const ModalTable& table, int batch, Meter& state);
  // As sections: `coefficients` of sectionCoefficients().
  ModalMemory(const ModalTable& table, Buffer<float> coefficients, int batch, Meter& state);

  void reset() override { m_states.clear(); }
  void archive(StateArchive& state) override { state.value(m_states); }
  bool incremental() const override { return true; }
  void step(Context&, int position, const float* u, float* y) override;
  // The recurrence, serial in time and parallel over channels.
  void prefill(Context&, int sequence, int position, int tokens, const float* u, float* y) override;

  // State of one group: pairs x (re, im), then real poles, each [16].
  float* state(int sequence, int group);

 private:
  template <bool Sections>
  void scan(int group, int sequence, int tokens, const float* u, float* y);
  void scanAny(int group, int sequence, int tokens, const float* u, float* y);

  const ModalTable& m_table;
  Buffer<float> m_sections;  // empty: modal
  int m_batch;
  Buffer<float> m_states;  // [batch, table.stateFloats]
};

}  // namespace engine::cpu
