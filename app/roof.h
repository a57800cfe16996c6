// What a device can do at most, measured: the roof of the roofline plot.
#pragma once

#include "analysis/task.h"

namespace app {

struct MeasuredRoof {
  double flopsPerSecond = 0;  // the CPU: float32 multiply-adds counted as two; a GPU: a bfloat16 product
  double bytesPerSecond = 0;  // beyond the caches
};

// Of the CPU with all cores; its bytes are reads. Best of a few runs of about 10 ms each on every core; 64 MiB of memory. About 0.2 s. Other work on the machine lowers
// what is found.
MeasuredRoof measureRoof(const analysis::Task& = {});

}  // namespace app
