// A whole bank as one picture: a row per channel, the largest |h| of equal stretches of lags.
#pragma once

#include <cstddef>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/task.h"

namespace app {

struct BankImage {
  // A layer costs at most 8 kB per channel.
  static constexpr int maxColumns = 1024;

  std::vector<double> values;  // row-major, `columns` per channel
  std::size_t columns = 0;
};

// Reads every filter of the bank: O(channels x L), reporting progress. Throws analysis::Error, Stopped.
BankImage bankImage(const analysis::Checkpoint&, int bank, const analysis::Task&);

}  // namespace app
