// A model of one filter together with what it is worth.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "analysis/reduction/statespace.h"

namespace analysis {

struct Fit {
  StateSpace model;
  double errorRelative = 0;  // ||h - h^||_2 / ||h||_2 on the window; h[0] is exact. 0 for a zero filter
  std::string method;        // how the poles were found
  // Of a fit weighted by its input: (e^T R e / h^T R h)^(1/2), what was made small instead of errorRelative.
  std::optional<double> errorWeighted;

  // The error that the fit made small.
  double errorSought() const { return errorWeighted.value_or(errorRelative); }
};

// Everything the window and the reports show of a fit. O(L log L + L d).
struct FitQuality {
  double errorRelative = 0;         // as in Fit
  double errorTailRelative = 0;     // ||h - h^|| / ||h[1..]||: without the exact first tap
  double errorMaxRelative = 0;      // max |h - h^| / max |h|
  int worstLagSamples = 0;          // where that is
  double errorHinfRelative = 0;     // max |H - H^| / max |H| on a grid of >= 4 L
  double worstFrequency = 0;        // radians per sample
  double beyondWindowRelative = 0;  // ||h^[L..inf)|| / ||h||
  double cancellation = 1;
  double spectralRadius = 0;
};
FitQuality quality(std::span<const double> taps, const StateSpace&);

}  // namespace analysis
