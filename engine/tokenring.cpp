#include "engine/tokenring.h"

#include <algorithm>
#include <bit>

namespace engine {

TokenRing::TokenRing(std::size_t capacity) : m_slots(std::bit_ceil(std::max<std::size_t>(capacity, 1))) {}

bool TokenRing::push(const TokenEvent& event) {
  const std::uint64_t head = m_head.load(std::memory_order_relaxed);
  if (head - m_tail.load(std::memory_order_acquire) == m_slots.size()) {
    m_overflow.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  m_slots[head & (m_slots.size() - 1)] = event;
  m_head.store(head + 1, std::memory_order_release);
  return true;
}

std::vector<TokenEvent> TokenRing::drain() {
  const std::uint64_t head = m_head.load(std::memory_order_acquire);
  std::uint64_t tail = m_tail.load(std::memory_order_relaxed);
  std::vector<TokenEvent> events;
  events.reserve(head - tail);
  for (; tail != head; ++tail) events.push_back(m_slots[tail & (m_slots.size() - 1)]);
  m_tail.store(tail, std::memory_order_release);
  return events;
}

}  // namespace engine
