// One long-convolution filter: the causal real impulse response of one channel or head, without the operator's skip.
#pragma once

#include <compare>
#include <string>
#include <vector>

namespace analysis {

// Position in Checkpoint::banks() and channel (or head) inside that bank.
struct FilterId {
  int bank = -1;
  int channel = -1;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 finds a null pointer in it
  auto operator<=>(const FilterId&) const = default;
};

struct Filter {
  FilterId id;
  std::string name;          // LAYER.CHANNEL or LAYER.OPERATOR.CHANNEL
  std::vector<double> taps;  // h[0..L-1]
  double skip = 0;           // D: the operator computes y = h*u + D u
};

}  // namespace analysis
