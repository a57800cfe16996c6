// How the heads of one MultiHyena operator remember the past (checkpoints page 3.3, engine page 2.4):
//   y_t[m, j] = sum_i q_t[m, i] sum_s h_m[t-s] k_s[m, i] v_s[m, j] + D_m sum_i q_t k_t v_t.
// A row of streams is q | k | v, each [heads x head width]. Both ways take prompts in pieces.
#pragma once

#include <memory>

#include "engine/cpu/context.h"
#include "engine/cpu/keyvalues.h"
#include "engine/tables.h"

namespace engine::cpu {

class HeadMemory {
 public:
  virtual ~HeadMemory() = default;
  virtual void reset() = 0;
  virtual void archive(StateArchive&) = 0;
  // `rows` tokens of one sequence, the first at `position`; streams [rows, 3 width], y [rows, width] of this head
  // alone.
  virtual void advance(Context&, int thread, int sequence, int head, int position, int rows, const float* streams,
                       float* y) = 0;
};

// Original filters: keys and values of all past tokens, y_t = sum_s h[t-s] (q_t . k_s) v_s. O(t width) per token.
class HeadConvolution final : public HeadMemory {
 public:
  HeadConvolution(const FilterBank& bank, int heads, int headWidth, int batch, int capacity, Meter& cache);
  void reset() override {}  // what lies beyond the position is never read
  void archive(StateArchive& state) override { m_cache.archive(state); }
  void advance(Context&, int thread, int sequence, int head, int position, int rows, const float* streams,
               float* y) override;
  // Scratch floats per thread.
  static std::size_t scratchFloats(int capacity);

 private:
  const FilterBank& m_bank;
  KeyValues m_cache;
};

// Distilled filters: the recurrence on every entry of k v^T; the entries of a head share its poles.
class HeadRecurrence final : public HeadMemory {
 public:
  // Heads without a model are not supported here: see ModalTable::kept.
  // `sections`: empty for the modal recurrence, else of sectionCoefficients().
  HeadRecurrence(const ModalTable& table, Buffer<float> sections, int headWidth, int batch, Meter& state);
  void reset() override { m_states.clear(); }
  void archive(StateArchive& state) override { state.value(m_states); }
  void advance(Context&, int thread, int sequence, int head, int position, int rows, const float* streams,
               float* y) override;
  static std::size_t scratchFloats(int headWidth);
  // Floats of one sequence.
  static std::size_t stateFloats(const ModalTable&, int headWidth);

 private:
  struct Place {
    int place = 0;          // among the places of the table
    std::size_t state = 0;  // offset in a sequence's state
  };

  const ModalTable& m_table;
  Buffer<float> m_sections;
  int m_headWidth;
  std::vector<Place> m_places;  // of each head
  std::size_t m_stateFloats;
  Buffer<float> m_states;
};

}  // namespace engine::cpu
