// Box-averaging of long sequences for methods whose cost grows with the cube of the length. Fast modes are lost.
#pragma once

#include <span>
#include <vector>

#include "analysis/reduction/methods/method.h"

namespace analysis {

struct Decimation {
  std::vector<double> g;  // means of `factor` neighbours
  int factor = 1;

  // At most `limit` values remain; factor 1 (a copy) when g is short enough. O(M).
  Decimation(std::span<const double> g, int limit);
  // Poles of the full-rate sequence: lambda^(1/factor); negative real poles have no such root and take their modulus.
  Poles fullRate(const Poles&) const;
};

}  // namespace analysis
