// Throughput over the batch: every lane at 1, 2, 4 ... sequences, until its memory or the patience ends.
#pragma once

#include <QString>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "analysis/task.h"
#include "engine/model.h"
#include "engine/workload.h"

namespace app {

struct SweepLane {
  std::shared_ptr<const engine::Model> model;
  engine::Mixer mixer = engine::Mixer::convolutionLazy;
};

struct SweepRequest {
  std::vector<SweepLane> lanes;
  std::string device = "cpu";
  int promptTokens = 32;
  int newTokens = 32;
  int mostBatch = 16384;
  double patienceSeconds = 4;  // a lane whose measurement took longer is not doubled again
};

struct SweepPoint {
  int batch = 0;
  double tokensPerSecond = 0;  // of all sequences, decoding alone
};

// Lanes take turns at each batch, so that they meet the same machine. `found` hears each point (lane, point), `ended`
// why a lane goes no further ("memory: ..."), both on the calling thread. Throws analysis::Stopped and what the engine
// throws beside running out of memory.
void sweepBatches(const SweepRequest&, const analysis::Task&, const std::function<void(int, SweepPoint)>& found,
                  const std::function<void(int, const QString&)>& ended);

}  // namespace app
