// The modal recurrence of MultiHyena heads in blocks of m tokens: exact, with the state read and written once per block
// (engine page, section 2.4). y_j = sum_i q_i z_p[i][j] + sum_(r <= p) h'[r] (q_t . k_(t-r)) v_(t-r,j), h'[0] = D + h0.
// Blocks lie at fixed positions, those of different heads shifted against each other; prompts take the same path.
#pragma once

#include <vector>

#include "analysis/reduction/distilled.h"
#include "engine/cpu/headmemory.h"

namespace engine::cpu {

class BlockedHeads final : public HeadMemory {
 public:
  // Heads without a model are not supported here: see ModalTable::kept. `table` must outlive it.
  BlockedHeads(const ModalTable& table, const analysis::DistilledBank&, int length, int headWidth, int batch,
               Meter& state, Meter& tables);
  void reset() override;
  void archive(StateArchive& state) override {
    state.value(m_states);
    state.value(m_rings);
  }
  void advance(Context&, int thread, int sequence, int head, int position, int rows, const float* streams,
               float* y) override;
  // Floats beyond the modal recurrence: of one sequence, and of the tables.
  static std::size_t extraStateFloats(int heads, int length, int headWidth);
  static std::size_t extraTableFloats(int heads, int length, std::size_t modalFloatsPerEntry);

 private:
  // One pair or real pole of one head: powers lambda^0 .. lambda^m, the rest of lambda^m beyond one float, and
  // R lambda^0 .. R lambda^(m-1); imaginary parts follow the real ones for a pair.
  struct Mode {
    bool pair = false;
    std::size_t powers = 0;  // offset in m_powers
  };
  struct Head {
    std::vector<Mode> modes;
    std::size_t state = 0;  // offset in a sequence's state
  };
  void close(int sequence, int head, int used);

  int m_headWidth, m_length;
  std::vector<Head> m_heads;
  std::size_t m_stateFloats = 0;
  Buffer<float> m_powers, m_taps;  // m_taps [heads, m]
  Buffer<float> m_states;          // [batch, m_stateFloats]
  Buffer<float> m_rings;           // [batch, heads, m, (k, v, z)]
};

}  // namespace engine::cpu
