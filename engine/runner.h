// What a device does for a session: the forward pass of one model in one mode, with all memory it needs. Sampling,
// bookkeeping and errors of use stay in Session, so a runner is handed checked arguments only. Internal to engine.
#pragma once

#include <span>
#include <stop_token>

#include "engine/session.h"
#include "engine/snapshot.h"
#include "engine/workload.h"

namespace engine {

class Runner {
 public:
  virtual ~Runner() = default;
  // Forgets all sequences.
  virtual void reset() = 0;
  // The tokens of one sequence from its beginning. `allLogits` is null or [tokens, vocabulary]. False when stopped; the
  // state is then undefined until reset().
  virtual bool prefill(int sequence, std::span<const Token> tokens, float* allLogits, std::stop_token) = 0;
  // One token of every sequence; `position` of them were seen before.
  virtual void step(int position, std::span<const Token> tokens) = 0;
  // After the last token of a sequence, over the padded vocabulary. Valid until the next call.
  virtual std::span<const float> logits(int sequence) const = 0;
  // Saves or restores everything that step() and logits() depend on. False, having done nothing: it cannot.
  virtual bool archive(StateArchive&) { return false; }
  // Without the model's weights; counted by the allocator.
  virtual MemoryUse memory() const = 0;
};

// Prompts are taken in pieces of this many tokens where the mode allows it: bounds the workspace.
inline constexpr int prefillPieceTokens = 128;

}  // namespace engine
