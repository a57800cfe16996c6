// Bytes and FLOPs of a workload before it runs: pure arithmetic on shapes, no device, instant.
#pragma once

#include <cstddef>

#include "engine/shape.h"
#include "engine/workload.h"

namespace engine {

// Exact for our engine: a Session allocates precisely these bytes (tests hold it to that).
struct Footprint {
  std::size_t weightBytes = 0;            // shared by all sessions of a model
  std::size_t stateBytesPerSequence = 0;  // constant in T: recurrence states, short-convolution history
  std::size_t cacheBytesPerSequence = 0;  // grows with capacity: cached inputs or keys and values
  std::size_t tableBytes = 0;             // filters or poles and residues, shared by the batch
  std::size_t workspaceBytes = 0;         // scratch of one session
  double movedBytesPerToken = 0;          // read + written per token and sequence at half the capacity, mixers only
  double flopsPerToken = 0;               // whole model, at half the capacity

  std::size_t sessionBytes(int batch) const {
    return (stateBytesPerSequence + cacheBytesPerSequence) * static_cast<std::size_t>(batch) + workspaceBytes;
  }
};

// threads: of the device, 0 for one per core; each has its own scratch.
Footprint footprint(const Shape&, const Workload&, int threads = 0);

}  // namespace engine
