// The distilled filter as a recurrence: constant state, constant time per token. Modal (engine page, equation 1), or
// the same poles as second-order sections (section 2.3; tables.h), with fewer operations.
#pragma once

#include <optional>

#include "engine/cpu/chunks.h"
#include "engine/cpu/longmemory.h"
#include "engine/tables.h"

namespace engine::cpu {

// What reads prompts of a recurrence other than by a scan. Without `responses`: in chunks. With them, h^ of every
// channel, at least as long as any prompt: outputs by FFT, and `chunks` for the state that is left.
struct PromptTables {
  ChunkTable chunks;
  FilterBank responses;  // empty (length 0) or of the capacity
};

class ModalMemory final : public LongMemory {
 public:
  // 4 bytes per stored real state and sequence. Channels without a model give 0 (see PartialMemory). `table` must
  // outlive it.
  ModalMemory(const ModalTable& table, int batch, Meter& state);
  // As sections: `coefficients` of sectionCoefficients(); empty: modal.
  ModalMemory(const ModalTable& table, Buffer<float> coefficients, int batch, Meter& state);

  void reset() override { m_states.clear(); }
  void archive(StateArchive& state) override { state.value(m_states); }
  // Prompts by these tables from now on: of poles, or of sections where the states are theirs.
  void readPromptsBy(PromptTables tables) { m_prompts.emplace(std::move(tables)); }
  // FFT sees a prompt from its beginning.
  bool incremental() const override { return !m_prompts || m_prompts->responses.length == 0; }
  void step(Context&, int position, const float* u, float* y) override;
  void prefill(Context&, int sequence, int position, int tokens, const float* u, float* y) override;

  // State of one group: pairs x (re, im), then real poles, each [16].
  float* state(int sequence, int group);

 private:
  template <bool Sections>
  void scan(int group, int sequence, int tokens, const float* u, float* y);
  void scanAny(int group, int sequence, int tokens, const float* u, float* y);
  void inChunks(int group, int sequence, int tokens, const float* u, float* y);

  const ModalTable& m_table;
  Buffer<float> m_sections;  // empty: modal
  std::optional<PromptTables> m_prompts;  // none: scan
  int m_batch;
  Buffer<float> m_states;  // [batch, table.stateFloats]
};

}  // namespace engine::cpu
