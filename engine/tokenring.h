// Tokens on their way from an engine thread to a poller: one producer, one consumer, fixed size, never blocks.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "engine/workload.h"

namespace engine {

struct TokenEvent {
  int sequence = 0;
  int position = 0;  // index in the sequence, prompt included
  Token token = 0;
  std::int64_t nanoseconds = 0;      // steady clock since the decode began, other lanes' turns included
  std::int64_t stepNanoseconds = 0;  // the step that made this token, sampling included: the lane's own time
};

class TokenRing {
 public:
  explicit TokenRing(std::size_t capacity = 4096);  // rounded up to a power of two
  // Producer. False and counted when the consumer is too slow; the session keeps the token anyway.
  bool push(const TokenEvent&);
  // Consumer. Everything that arrived since the last call, in order.
  std::vector<TokenEvent> drain();
  std::uint64_t overflowed() const { return m_overflow.load(std::memory_order_relaxed); }

 private:
  std::vector<TokenEvent> m_slots;
  std::atomic<std::uint64_t> m_head{0}, m_tail{0}, m_overflow{0};
};

}  // namespace engine
