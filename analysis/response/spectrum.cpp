#include "analysis/response/spectrum.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "analysis/response/fft.h"

namespace analysis {

namespace {

// The largest product of 2, 3 and 5 whose transform has at most 2^20 bins.
constexpr int largestSize = 2073600;

int gridSize(std::size_t taps) {
  if (4 * taps >= static_cast<std::size_t>(largestSize)) return largestSize;
  return fastFftSize(std::max(4, static_cast<int>(4 * taps)) / 2) * 2;  // even: the grid ends at pi
}

// sum_t weight(t) h[t] e^{-i omega t} on the grid of `size`. Taps beyond the size are folded back: on the grid
// e^{-i omega t} has that period, so this is exact.
template <typename Weight>
std::vector<std::complex<double>> transform(std::span<const double> taps, int size, Weight weight) {
  const RealFft<double> fft(size);
  std::vector<double> padded(static_cast<std::size_t>(size), 0.0);
  for (std::size_t t = 0; t < taps.size(); ++t) padded[t % padded.size()] += weight(t) * taps[t];
  std::vector<std::complex<double>> bins(static_cast<std::size_t>(fft.bins()));
  fft.forward(padded, bins);
  return bins;
}

double largestMagnitude(const Spectrum& spectrum) {
  double largest = 0;
  for (const auto& H : spectrum.response) largest = std::max(largest, std::abs(H));
  return largest;
}

}  // namespace

Spectrum spectrum(std::span<const double> taps) {
  const int size = gridSize(taps.size());
  Spectrum result;
  result.response = transform(taps, size, [](std::size_t) { return 1.0; });
  result.frequency.resize(result.response.size());
  for (std::size_t k = 0; k < result.frequency.size(); ++k)
    result.frequency[k] = 2 * std::numbers::pi * static_cast<double>(k) / size;
  return result;
}

std::vector<double> magnitudeDecibels(const Spectrum& spectrum) {
  const double largest = largestMagnitude(spectrum);
  const double floor = largest > 0 ? 20 * std::log10(largest) - 200 : -200;
  std::vector<double> decibels;
  decibels.reserve(spectrum.response.size());
  for (const auto& H : spectrum.response) {
    const double magnitude = std::abs(H);
    decibels.push_back(magnitude > 0 ? std::max(floor, 20 * std::log10(magnitude)) : floor);
  }
  return decibels;
}

std::vector<double> phase(const Spectrum& spectrum) {
  std::vector<double> radians;
  radians.reserve(spectrum.response.size());
  for (const auto& H : spectrum.response) {
    double angle = std::arg(H);
    if (!radians.empty()) angle += 2 * std::numbers::pi * std::round((radians.back() - angle) / (2 * std::numbers::pi));
    radians.push_back(angle);
  }
  return radians;
}

// H = |H| e^{i phi} gives -phi' = Re(sum t h[t] e^{-i omega t} / H).
std::vector<double> groupDelay(std::span<const double> taps, const Spectrum& spectrum) {
  const auto moments = transform(taps, gridSize(taps.size()), [](std::size_t t) { return static_cast<double>(t); });
  const double smallest = 1e-13 * largestMagnitude(spectrum);
  std::vector<double> samples(moments.size(), std::numeric_limits<double>::quiet_NaN());
  for (std::size_t k = 0; k < samples.size(); ++k) {
    if (std::abs(spectrum.response[k]) > smallest) samples[k] = (moments[k] / spectrum.response[k]).real();
  }
  return samples;
}

}  // namespace analysis
