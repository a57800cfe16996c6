#include "app/commandline/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "analysis/task.h"

namespace commandline {

void forEachParallel(int count, int threads, std::stop_token stop, const std::function<void(int)>& work,
                     const std::function<void(int)>& finished) {
  if (threads <= 0) threads = std::max(1, int(std::thread::hardware_concurrency()));
  std::atomic<int> next{0}, done{0};
  std::exception_ptr first;
  std::mutex mutex;
  const auto run = [&] {
    for (int i; !stop.stop_requested() && (i = next++) < count;) {
      try {
        work(i);
        if (finished) finished(++done);
      } catch (...) {
        const std::scoped_lock lock(mutex);
        if (!first) first = std::current_exception();
        next = count;
      }
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (int i = 1; i < std::min(threads, count); ++i) helpers.emplace_back(run);
    run();
  }
  if (first) std::rethrow_exception(first);
  if (stop.stop_requested()) throw analysis::Stopped{};
}

}  // namespace commandline
