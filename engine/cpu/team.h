// A team of threads that share the items of a loop. Made for loops of a few microseconds: between loops the helpers
// spin for a moment before they sleep, so that the token after this one finds them awake. The caller never waits for a
// helper that has not begun: on a busy machine it does the work itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace engine::cpu {

class Team {
 public:
  // threads >= 1, the caller included. 0: one per core.
  explicit Team(int threads = 0);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return static_cast<int>(m_helpers.size()) + 1; }

  // Calls work(item, thread) once for each item in [0, items), thread in [0, size()), and returns when all are done.
  // Items are handed out in ascending order. `work` must not throw. One caller at a time, not from inside `work`.
  template <class Work>
  void run(int items, Work&& work) {
    if (items <= 1 || m_helpers.empty()) {
      for (int item = 0; item < items; ++item) work(item, 0);
      return;
    }
    using Plain = std::remove_reference_t<Work>;
    start(items, &work, [](void* self, int item, int thread) { (*static_cast<Plain*>(self))(item, thread); });
  }

 private:
  using Call = void (*)(void*, int item, int thread);
  void start(int items, void* work, Call);
  void help(int thread);
  void takeItems(int thread);

  void* m_work = nullptr;
  Call m_call = nullptr;
  int m_items = 0;
  alignas(64) std::atomic<std::uint32_t> m_round{0};  // a new value calls the helpers
  alignas(64) std::atomic<int> m_next{0};             // next item to take
  alignas(64) std::atomic<int> m_inside{closed};      // helpers at work; negative: nobody may join
  std::atomic<bool> m_ended{false};
  std::vector<std::jthread> m_helpers;  // last: joined before the rest goes
  static constexpr int closed = -(1 << 30);
};

}  // namespace engine::cpu
