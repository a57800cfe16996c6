#include "analysis/reduction/fit.h"

#include <cmath>
#include <complex>
#include <vector>

#include "analysis/response/spectrum.h"

namespace analysis {

FitQuality quality(std::span<const double> taps, const StateSpace& model) {
  FitQuality result;
  const auto length = static_cast<int>(taps.size());
  std::vector<double> residual = model.impulseResponse(length);
  double peak = 0, worst = 0;
  for (std::size_t t = 0; t < taps.size(); ++t) {
    residual[t] = taps[t] - residual[t];
    peak = std::max(peak, std::abs(taps[t]));
    if (std::abs(residual[t]) > worst) {
      worst = std::abs(residual[t]);
      result.worstLagSamples = static_cast<int>(t);
    }
  }
  result.spectralRadius = model.spectralRadius();
  result.cancellation = model.cancellation(length);
  if (peak == 0) return result;

  double energy = 0, tailEnergy = 0, errorEnergy = 0;
  for (std::size_t t = 0; t < taps.size(); ++t) {
    const double tap = taps[t] / peak, error = residual[t] / peak;
    energy += tap * tap;
    if (t > 0) tailEnergy += tap * tap;
    errorEnergy += error * error;
  }
  result.errorRelative = std::sqrt(errorEnergy / energy);
  result.errorTailRelative = tailEnergy > 0 ? std::sqrt(errorEnergy / tailEnergy) : 0;
  result.errorMaxRelative = worst / peak;
  result.beyondWindowRelative = model.tailNorm(length) / (peak * std::sqrt(energy));

  const Spectrum original = spectrum(taps), difference = spectrum(residual);
  double largest = 0, largestError = 0;
  for (std::size_t k = 0; k < original.response.size(); ++k) {
    largest = std::max(largest, std::abs(original.response[k]));
    const double error = std::abs(difference.response[k]);
    if (error > largestError) {
      largestError = error;
      result.worstFrequency = difference.frequency[k];
    }
  }
  result.errorHinfRelative = largest > 0 ? largestError / largest : 0;
  return result;
}

}  // namespace analysis
