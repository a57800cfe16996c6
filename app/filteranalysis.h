// All that is known of one filter, and of one model of it: immutable values computed in jobs and drawn by the window.
#pragma once

#include <memory>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/reduction/reducer.h"
#include "analysis/response/bounds.h"
#include "analysis/response/spectrum.h"
#include "analysis/response/statistics.h"
#include "analysis/task.h"

namespace app {

// What the spectrum plot draws, on the grid of analysis::spectrum.
struct Response {
  std::vector<double> decibels, phase, groupDelay;
};
// O(L log L).
Response frequencyResponse(const std::vector<double>& taps);

// Grows in stages; each stage is a new value that shares the parts of the one before. Null parts are not known yet.
struct FilterAnalysis {
  std::shared_ptr<const analysis::Filter> filter;
  analysis::Statistics statistics;
  std::shared_ptr<const Response> response;
  std::shared_ptr<const analysis::Reducer> reducer;  // holds the leading Hankel singular values
  std::shared_ptr<const analysis::Certificate> certificate;
  std::shared_ptr<const analysis::HankelSpectrum> hankel;  // converged
  std::shared_ptr<const std::vector<double>> twiceTail;    // upper bound over order, relative
  std::shared_ptr<const analysis::OrderCurve> curve;
};

// A model of a filter as the plots show it.
struct FitView {
  std::shared_ptr<const analysis::Filter> filter;
  int order = 0;  // asked for; the model's own may be smaller (numerical rank)
  std::shared_ptr<const analysis::Fit> fit;
  analysis::FitQuality quality;
  std::vector<double> impulse;  // h^, window length
  Response response;            // of h^
  std::vector<double> residualDecibels;
};

// The first stage: taps, statistics, spectrum. O(L log L) after the bank's evaluation.
FilterAnalysis describe(std::shared_ptr<const analysis::Filter>);
// O(L log L + L order).
FitView viewFit(const FilterAnalysis&, std::shared_ptr<const analysis::Fit>, int order);

}  // namespace app
