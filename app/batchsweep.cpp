#include "app/batchsweep.h"

#include <chrono>
#include <cmath>

#include "engine/benchmark.h"
#include "engine/error.h"

namespace app {

void sweepBatches(const SweepRequest& request, const analysis::Task& task,
                  const std::function<void(int, SweepPoint)>& found,
                  const std::function<void(int, const QString&)>& ended) {
  using Clock = std::chrono::steady_clock;
  const auto device = engine::Device::open(request.device);
  std::vector<bool> going(request.lanes.size(), true);
  const double doublings = std::log2(static_cast<double>(request.mostBatch)) + 1;
  int step = 0;
  for (int batch = 1; batch <= request.mostBatch; batch *= 2, ++step) {
    bool any = false;
    for (std::size_t i = 0; i < request.lanes.size(); ++i) {
      task.throwIfStopped();
      if (!going[i]) continue;
      task.report((step + static_cast<double>(i) / static_cast<double>(request.lanes.size())) / doublings);
      engine::BenchmarkRequest one;
      one.model = request.lanes[i].model;
      one.device = device;
      one.workload.mode.mixer = request.lanes[i].mixer;
      one.workload.batch = batch;
      one.promptTokens = request.promptTokens;
      one.newTokens = request.newTokens;
      one.repeats = 3;
      one.seconds = 0.2;
      const auto start = Clock::now();
      try {
        const engine::BenchmarkResult result = engine::measure(one, task.stopToken());
        found(static_cast<int>(i), {batch, result.decodeTokensPerSecond.median});
        any = true;
      } catch (const engine::Error& error) {
        task.throwIfStopped();
        if (error.kind() != engine::ErrorKind::memory) throw;
        going[i] = false;
        ended(static_cast<int>(i), QString::fromUtf8(error.what()));
        continue;
      }
      if (std::chrono::duration<double>(Clock::now() - start).count() > request.patienceSeconds) going[i] = false;
    }
    if (!any) break;
  }
  task.report(1);
}

}  // namespace app
