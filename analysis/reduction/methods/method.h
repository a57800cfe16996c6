// The methods offered beside the default algorithm, for comparison and teaching, behind one interface: a sequence and
// an order in, poles out. Residues always come from the same least-squares fit, so a comparison is one of poles.
#pragma once

#include <complex>
#include <span>
#include <string_view>
#include <vector>

#include "analysis/reduction/fit.h"
#include "analysis/task.h"

namespace analysis {

using Poles = std::vector<std::complex<double>>;

struct Method {
  std::string_view name;       // "vector-fitting": for command lines and files
  std::string_view title;      // "Vector fitting": for people
  std::string_view source;     // paper and equation
  std::string_view cost;       // operations and memory, M = taps - 1, d = order
  bool mayBeUnstable = false;  // poles may leave the unit circle before `stabilised`
  bool decimatesLong = false;  // long sequences are box-averaged first: blind to their fast modes
  bool slow = false;           // seconds rather than milliseconds; reports progress

  // What one method implements. May assume: g finite, not all zero, largest |g| in [0.5, 1), 1 <= order <= (M+1)/2.
  // Returns any multiset of numbers closed under conjugation up to rounding.
  using Algorithm = Poles (*)(std::span<const double> g, int order, const Task&);
  Algorithm algorithm = nullptr;

  // Poles of a recurrence of at most `order` real states for g[n] = h[n+1], n < M: finite, exactly closed under
  // conjugation, both members of a pair adjacent (upper first), then the reals. Fewer than `order` when g needs no more
  // (empty for a zero sequence) or when M < 2 order - 1, where (M+1)/2 states already interpolate.
  // Deterministic. Throws Error(input) for order < 0, Error(numerical) when g is not finite or the method has no
  // result, Stopped within about 100 ms of a request.
  Poles poles(std::span<const double> g, int order, const Task& = {}) const;
};

// Every method, in the order in which they should be listed. Valid for the life of the program.
std::span<const Method> methods();
// Throws Error(input) that lists the known names.
const Method& methodNamed(std::string_view name);

// Poles by the method, made stable, residues by least squares, h[0] exact. Cost of the method + O(M d^2).
// Throws as Method::poles.
Fit fitWith(const Method&, std::span<const double> taps, int order, const Task& = {});

}  // namespace analysis
