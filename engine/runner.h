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
  // Prompts of equal length, one for each sequence, row after row: what prefill() does for each. Runners that gain
  // by taking several at once override it.
  virtual bool prefillAll(std::span<const Token> prompts, int tokens, float* allLogits, std::stop_token stop) {
    const auto count = static_cast<std::size_t>(tokens);
    for (std::size_t b = 0; b * count < prompts.size(); ++b)
      if (!prefill(static_cast<int>(b), prompts.subspan(b * count, count), b == 0 ? allLogits : nullptr, stop))
        return false;
    return true;
  }
  // Only when drawsTokens(): draws a token of every sequence from the logits and steps with it, `steps` times, where
  // the logits lie. beginSteps() returns at once; endSteps() waits for the oldest steps that have not ended: `tokens`
  // [steps, batch] and `seconds` [steps]. It throws what sample() throws; then none counts as begun. Begin the next ones
  // before these have ended, and the device has no pause; nothing else may be called until all have, but reset().
  static constexpr int stepsAtOnce = 8;
  static constexpr std::size_t mostBegun = 2;
  virtual bool drawsTokens() const { return false; }
  virtual void beginSteps(int position, int steps) { static_cast<void>(position), static_cast<void>(steps); }
  virtual void endSteps(std::span<Token> tokens, std::span<double> seconds) {
    static_cast<void>(tokens), static_cast<void>(seconds);
  }
  // Saves or restores everything that step() and logits() depend on. False, having done nothing: it cannot.
  virtual bool archive(StateArchive&) { return false; }
  // Without the model's weights; counted by the allocator.
  virtual MemoryUse memory() const = 0;
};

// Throws Error(unsupported) when the model cannot run in this mode on any device.
void checkMode(const Model&, const Mode&);

// Prompts are taken in pieces of this many tokens where the mode allows it: bounds the workspace.
inline constexpr int prefillPieceTokens = 256;

}  // namespace engine
