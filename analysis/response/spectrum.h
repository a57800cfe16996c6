// Frequency response H(e^{i omega}) = sum_t h[t] e^{-i omega t} on a uniform grid of [0, pi].
#pragma once

#include <complex>
#include <span>
#include <vector>

namespace analysis {

struct Spectrum {
  std::vector<double> frequency;               // radians per sample, 0..pi, uniform
  std::vector<std::complex<double>> response;  // same length
};

// Zero-padded to at least 4 L (so that peaks between bins are not missed), at most 2^20 bins. O(L log L).
Spectrum spectrum(std::span<const double> taps);
// 20 log10 |H|, floored 200 dB below the largest value (floor also for an all-zero filter: -200).
std::vector<double> magnitudeDecibels(const Spectrum&);
// Unwrapped, radians.
std::vector<double> phase(const Spectrum&);
// -d phase / d omega, samples. From the exact derivative sum t h[t] e^{-i omega t}, not from differences.
// `spectrum` must be that of `taps`. NaN where |H| is below 1e-13 of its largest value: there is no phase to speak of.
std::vector<double> groupDelay(std::span<const double> taps, const Spectrum&);

}  // namespace analysis
