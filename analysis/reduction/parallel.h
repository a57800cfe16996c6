// The same work on many things by several threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "analysis/task.h"

namespace analysis {

// Runs work(0..count-1), each index once, on `threads` threads (0: all cores); results must go to places of their own.
// Reports progress from `from` to `to`. The failure of the smallest index is rethrown, so that it does not depend on
// the threads either; after a failure only smaller indices are begun.
template <typename Work>
void inParallel(std::size_t count, int threads, const Task& task, double from, double to, Work work) {
  const auto cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const auto crewSize = std::min<std::size_t>(count, static_cast<std::size_t>(threads > 0 ? threads : cores));
  std::atomic<std::size_t> next = 0, failedIndex = count;
  std::mutex lock;
  std::exception_ptr failure;
  std::size_t finished = 0;
  const auto run = [&] {
    for (std::size_t i = next++; i < failedIndex; i = next++) {
      try {
        task.throwIfStopped();
        work(i);
        const std::lock_guard guard(lock);
        ++finished;
        task.report(from + (to - from) * static_cast<double>(finished) / static_cast<double>(count), "distilling");
      } catch (...) {
        const std::lock_guard guard(lock);
        if (i < failedIndex) {
          failedIndex = i;
          failure = std::current_exception();
        }
      }
    }
  };
  {
    std::vector<std::jthread> crew;
    while (crew.size() + 1 < crewSize) crew.emplace_back(run);
    run();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace analysis
