// A running generation: one model, one mode, one batch, on one device. Not thread-safe; owned by one thread (usually an
// engine thread of its own, see Generation); cancel by stop token.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "engine/device.h"
#include "engine/footprint.h"
#include "engine/model.h"
#include "engine/snapshot.h"
#include "engine/tokenring.h"
#include "engine/workload.h"

namespace engine {

enum class Outcome { finished, stopped, full };  // full: the capacity of the caches is used up

struct Timings {
  double prefillSeconds = 0;
  std::vector<double> tokenSeconds;  // one per decoded step, sampling included
};

// Counted by the allocator, not predicted.
struct MemoryUse {
  std::size_t weightBytes = 0, tableBytes = 0, stateBytes = 0, cacheBytes = 0, workspaceBytes = 0;
};

class Session {
 public:
  // Allocates everything; throws Error(memory) with needed and available bytes before it happens, Error(unsupported)
  // when the model cannot run in this mode, Error(input) when capacity or batch make no sense.
  // `device`: nullptr opens the CPU with one thread per core.
  Session(std::shared_ptr<const Model>, const Workload&, std::shared_ptr<Device> device = nullptr);
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  const Workload& workload() const;

  // batch x promptTokens ids, row-major, promptTokens >= 1. Starts from an empty state. Afterwards logits() are those
  // of the last prompt token. Throws Error(input) for ids outside the vocabulary.
  Outcome prefill(std::span<const Token> prompts, std::stop_token = {});
  // Samples and feeds back up to `tokens` tokens per sequence; each goes to the ring and to generated(). The first
  // sample comes from the current logits. Checks the stop token every step, on a GPU every eight.
  Outcome decode(int tokens, TokenRing* ring = nullptr, std::stop_token = {});
  // Teacher forcing: feeds batch x count given ids step by step through the decode path. `observe` (if set) sees the
  // logits after each step. Full when the capacity is used up before all were fed.
  Outcome force(std::span<const Token>, std::stop_token = {}, const std::function<void(int step)>& observe = {});

  // What it takes to continue from here; copies the memory of the mode. Valid after a prefill.
  Snapshot snapshot() const;
  // Continues where a snapshot stood, in this session's own mode and seed. A snapshot of the same model, mode, batch,
  // capacity, device and precision is copied back, bit for bit; any other is recomputed from its tokens, as by prefill. Throws
  // Error(input) when batch or vocabulary differ or its tokens exceed the capacity.
  Outcome restore(const Snapshot&, std::stop_token = {});

  // Logits over the padded vocabulary after the last token of a sequence.
  std::span<const float> logits(int sequence) const;
  // Logits at every prompt position of the last prefill of sequence 0, [positions, vocabulary]; only when asked
  // for before prefill (costs positions x vocabulary floats, beyond the footprint).
  void keepAllLogits(bool);
  std::span<const float> allLogits() const;

  int position() const;  // tokens seen so far
  std::span<const Token> generated(int sequence) const;
  const Timings& timings() const;
  MemoryUse memory() const;

 private:
  struct State;
  std::unique_ptr<State> m_state;
};

}  // namespace engine
