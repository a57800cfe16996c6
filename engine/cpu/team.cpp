#include "engine/cpu/team.h"

#include <algorithm>

namespace engine::cpu {
namespace {

// About 50 microseconds: longer than the serial stretches of a decoding step, shorter than anybody would notice.
constexpr int spins = 20000;

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

Team::Team(int threads) {
  if (threads <= 0) threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  m_helpers.reserve(static_cast<std::size_t>(threads) - 1);
  for (int thread = 1; thread < threads; ++thread) m_helpers.emplace_back([this, thread] { help(thread); });
}

Team::~Team() {
  m_ended.store(true, std::memory_order_relaxed);
  m_round.fetch_add(1, std::memory_order_release);
  m_round.notify_all();
}

void Team::takeItems(int thread) {
  for (int item; (item = m_next.fetch_add(1, std::memory_order_relaxed)) < m_items;) m_call(m_work, item, thread);
}

void Team::start(int items, void* work, Call call) {
  m_work = work;
  m_call = call;
  m_items = items;
  m_next.store(0, std::memory_order_relaxed);
  m_inside.store(0, std::memory_order_release);
  m_round.fetch_add(1, std::memory_order_release);
  m_round.notify_all();
  takeItems(0);
  m_inside.fetch_add(closed, std::memory_order_acquire);
  for (int waited = 0; m_inside.load(std::memory_order_acquire) != closed; ++waited) {
    if (waited < spins)
      relax();
    else
      std::this_thread::yield();
  }
}

void Team::help(int thread) {
  std::uint32_t seen = 0;
  for (;;) {
    for (int waited = 0; m_round.load(std::memory_order_acquire) == seen && waited < spins; ++waited) relax();
    m_round.wait(seen, std::memory_order_acquire);
    seen = m_round.load(std::memory_order_acquire);
    if (m_ended.load(std::memory_order_relaxed)) return;
    int inside = m_inside.load(std::memory_order_acquire);
    while (inside >= 0 && !m_inside.compare_exchange_weak(inside, inside + 1, std::memory_order_acquire)) {
    }
    if (inside < 0) continue;  // too late: the loop has ended
    takeItems(thread);
    m_inside.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace engine::cpu
