#include "analysis/reduction/methods/circlesamples.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "analysis/response/fft.h"

namespace analysis {
namespace {

// Bins 0..last, thinned when there are more than `dense` cells.
std::vector<int> chosenBins(int last, int dense) {
  std::vector<int> bins;
  const int whole = last > dense ? dense / 2 : last + 1;
  bins.reserve(static_cast<std::size_t>(whole));
  for (int k = 0; k < whole; ++k) bins.push_back(k);
  if (last > dense) {
    const int half = dense / 2;
    const double first = half, ratio = std::log(last / first), steps = std::max(1, half - 1);
    for (int i = 0; i <= static_cast<int>(steps); ++i) {
      const int k = std::min(last, static_cast<int>(std::lround(first * std::exp(ratio * i / steps))));
      if (k > bins.back()) bins.push_back(k);
    }
  }
  return bins;
}

}  // namespace

CircleSamples::CircleSamples(std::span<const double> g, int dense) {
  const int size = 2 * fastFftSize(std::max<int>(static_cast<int>(g.size()), 1024));
  const RealFft<double> fft(size);
  std::vector<double> padded(size, 0.0);
  std::copy(g.begin(), g.end(), padded.begin());
  std::vector<std::complex<double>> spectrum(fft.bins());
  fft.forward(padded, spectrum);
  const auto bins = chosenBins(size / 2, dense);
  for (std::size_t i = 0; i < bins.size(); ++i) {
    const double angle = 2 * std::numbers::pi * bins[i] / size;
    z.push_back(bins[i] == size / 2 ? -1 : std::polar(1.0, angle));
    value.push_back(spectrum[bins[i]] * std::conj(z.back()));
    const int before = bins[i > 0 ? i - 1 : 0], after = bins[std::min(i + 1, bins.size() - 1)];
    weight.push_back(i > 0 && i + 1 < bins.size() ? 0.5 * (after - before) : double(after - before));
  }
}

}  // namespace analysis
