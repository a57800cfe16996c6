// One filter under every value that a setting may have: what a choice changes, before it is made.
#pragma once

#include <string>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/response/statistics.h"

namespace analysis {

struct Reading {
  std::string value;      // of the setting
  bool inForce = false;   // what the checkpoint is read with now
  Statistics statistics;  // of the filter's taps
  int lengthSamples = 0;
  int zeroTaps = 0;  // exact zeros: what a threshold took away
  double differenceRelative =
      0;  // ||h - h_now|| / ||h_now||, the shorter one continued by zeros; NaN when h_now is zero
  double skip = 0;
  std::string problem;  // why there is no such reading; the numbers are then 0
};

// The value in force first, then the setting's alternatives in their order. Opens the file once for each (headers only)
// and computes the filter's chunk of its bank. Throws Error(input) when the setting has no alternatives, and Stopped.
std::vector<Reading> readings(const Checkpoint& now, const Choices& inForce, const std::string& setting, FilterId,
                              const Task& = {});

}  // namespace analysis
