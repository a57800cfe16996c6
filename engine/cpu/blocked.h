// The modal recurrence in blocks of m tokens: exact, with the state read and written once per block (engine page,
// section 2.2). Inside a block y = z + (D + h^[0]) u + sum h^[i] u_(t-i), where z, the response of the state alone, is
// known when the block starts. Groups of channels start their blocks at different tokens, so that no token waits for
// all.
#pragma once

#include <memory>

#include "analysis/reduction/distilled.h"
#include "engine/cpu/modal.h"

namespace engine::cpu {

// What a block needs besides the modal table: lambda^m as the sum of two floats, and the first taps of h^.
struct BlockTable {
  int length = 0;        // m
  Buffer<float> powers;  // group after group: pairs x (re hi, im hi, re lo, im lo), reals x (hi, lo)
  Buffer<float> taps;    // [groups, m, 16]; tap 0 is not used
  static constexpr int maxLength = 64;
};

// O(channels * m * modes), float64.
BlockTable blockTable(const ModalTable&, const analysis::DistilledBank&, int length, Meter& tables);

class BlockedMemory final : public LongMemory {
 public:
  // Adds 8 m bytes per channel and sequence to the state. `stagger` shifts the blocks of this bank against others.
  BlockedMemory(const ModalTable& table, BlockTable blocks, int stagger, int batch, Meter& state);

  void reset() override;
  void archive(StateArchive& state) override {
    m_modal.archive(state);
    state.value(m_rings);
    state.value(m_firstStep);
  }
  void readPromptsBy(PromptTables tables) { m_modal.readPromptsBy(std::move(tables)); }
  bool incremental() const override { return m_modal.incremental(); }
  void step(Context&, int position, const float* u, float* y) override;
  void prefill(Context&, int sequence, int position, int tokens, const float* u, float* y) override;

 private:
  int phase(int group, int position) const;
  float* inputs(int sequence, int group);     // [m, 16] of the running block
  float* responses(int sequence, int group);  // [m, 16]: z
  void advance(int sequence, int group, int position, const float* u, float* y);
  void fold(int sequence, int group, int start);
  void refill(int sequence, int group, int start);

  const ModalTable& m_table;
  BlockTable m_blocks;
  int m_stagger, m_batch;
  ModalMemory m_modal;    // the state, and prompts
  Buffer<float> m_rings;  // [batch, groups, (inputs, responses), m, 16]
  int m_firstStep = -1;   // position of the first step after a prompt; -1: none yet
};

}  // namespace engine::cpu
