// How well could any recurrence of a given order do? Hankel singular values and the bounds of the reduction page.
// g[n] = h[n+1], M = L-1, H = [g[i+j]].
#pragma once

#include <span>
#include <vector>

#include "analysis/task.h"

namespace analysis {

// Hankel singular values of the zero-padded M x M section, largest first.
struct HankelSpectrum {
  std::vector<double> values;   // leading values, or all of them when `complete`
  bool converged = false;       // false: Ritz values of a short Lanczos run, good to look at, not to quote
  bool complete = false;        // all M values (dense, M <= 1024)
  double frobeniusSquared = 0;  // sum over all values squared = sum (n+1) g_n^2
};

// `count` leading values, converged. Dense below M = 1024 when `complete` is asked for (O(M^3), 0.3 s at 1024).
HankelSpectrum hankelSpectrum(std::span<const double> taps, int count, bool complete = false, const Task& = {});

// Upper bound on the relative l2 error of balanced truncation with refitted residues: 2 sum_{k>order} sigma_k / ||h||.
// Needs a complete spectrum; otherwise the weaker 2 sqrt((M-d)(F - sum sigma^2)) / ||h||. Index = order, 0..maxOrder.
std::vector<double> twiceTailSum(const HankelSpectrum&, std::span<const double> taps, int maxOrder);

// Lower bound on the relative l2 error on the window of ANY recurrence of each order (weighted Eckart-Young, reduction
// page section 3), stable or not. Index = order, 0..maxOrder. Values below the numerical floor (about 1e-7) are 0.
struct Certificate {
  std::vector<double> error;
  double floor = 0;  // relative: below it the certificate says nothing
};
Certificate certificate(std::span<const double> taps, int maxOrder, const Task& = {});

}  // namespace analysis
