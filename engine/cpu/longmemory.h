// How the long filters of one bank remember the past: y_t = sum_s h[t-s] u_s + D u_t for C channels at once. One class
// for each mode (engine page, section 2); everything else of a block is the same in all modes.
#pragma once

#include <cstddef>

#include "engine/cpu/context.h"
#include "engine/snapshot.h"

namespace engine::cpu {

class LongMemory {
 public:
  virtual ~LongMemory() = default;
  // Forgets everything, for all sequences.
  virtual void reset() = 0;
  // Saves or restores what it remembers.
  virtual void archive(StateArchive&) = 0;
  // True when a prompt may come in pieces; otherwise the first prefill must hold all of it.
  virtual bool incremental() const = 0;
  // One token of every sequence; u and y are [batch, channels] and may be the same. `position` counts from 0.
  virtual void step(Context&, int position, const float* u, float* y) = 0;
  // `tokens` tokens of one sequence, the first at `position`; u and y are [tokens, channels] and may be the same.
  // Returns early, with undefined y and state, when stopped.
  virtual void prefill(Context&, int sequence, int position, int tokens, const float* u, float* y) = 0;
};

}  // namespace engine::cpu
