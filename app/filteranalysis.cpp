#include "app/filteranalysis.h"

namespace app {

Response frequencyResponse(const std::vector<double>& taps) {
  const analysis::Spectrum spectrum = analysis::spectrum(taps);
  return {analysis::magnitudeDecibels(spectrum), analysis::phase(spectrum), analysis::groupDelay(taps, spectrum)};
}

FilterAnalysis describe(std::shared_ptr<const analysis::Filter> filter) {
  FilterAnalysis out;
  out.statistics = analysis::statistics(filter->taps);
  if (out.statistics.finite) out.response = std::make_shared<const Response>(frequencyResponse(filter->taps));
  out.filter = std::move(filter);
  return out;
}

FitView viewFit(const FilterAnalysis& known, std::shared_ptr<const analysis::Fit> fit, int order) {
  FitView out;
  const std::vector<double>& taps = known.filter->taps;
  out.filter = known.filter;
  out.order = order;
  out.quality = analysis::quality(taps, fit->model);
  out.impulse = fit->model.impulseResponse(static_cast<int>(taps.size()));
  std::vector<double> residual(taps.size());
  for (std::size_t t = 0; t < taps.size(); ++t) residual[t] = taps[t] - out.impulse[t];
  out.response = frequencyResponse(out.impulse);
  out.residualDecibels = analysis::magnitudeDecibels(analysis::spectrum(residual));
  out.fit = std::move(fit);
  return out;
}

}  // namespace app
