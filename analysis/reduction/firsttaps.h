// A few first taps kept exactly beside a recurrence for the rest: a sharp front costs modes that a handful of
// multiply-adds per token replaces (reduction page, section 15.6).
#pragma once

#include <memory>
#include <vector>

#include "analysis/checkpoint/filter.h"
#include "analysis/reduction/fit.h"
#include "analysis/reduction/reducer.h"
#include "analysis/task.h"

namespace analysis {

// h^[t] = taps[t] for t < taps.size(), tail h^[t] = tail.impulseResponse()[t - taps.size() + 1] after that: the
// recurrence runs on the input delayed by taps.size() - 1.
struct FirstTapsFit {
  std::vector<double> taps;  // h[0..k], exact
  StateSpace tail;           // feedthrough 0
  double errorRelative = 0;  // ||h - h^|| / ||h|| on the window
  std::string method;

  int order() const { return tail.order(); }
  // Multiply-adds per token: one a tap, and for each state of the recurrence two (a pair: four and two for its output).
  int operations() const;
  std::vector<double> impulseResponse(int length) const;
};

// h[0..exactTaps] kept, h[exactTaps+1..] fitted at that order: exactTaps = 0 is Reducer::fit. Costs the same.
// Throws Error(input) for a negative number of taps or order, else as Reducer.
FirstTapsFit fitAfterTaps(const std::shared_ptr<const Filter>&, int exactTaps, int order, Effort = Effort::standard,
                          const Task& = {});

// Of all splits whose operations() are at most `operations`, the one of least error; taps are tried at 0, 1, 2, 4, ..
FirstTapsFit bestSplit(const std::shared_ptr<const Filter>&, int operations, Effort = Effort::standard,
                       const Task& = {});

}  // namespace analysis
