// One made-up filter with everything the plots show: fast and slow modes, a fit of order 6, poles, bounds.
#pragma once

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

namespace samples {

struct Mode {
  std::complex<double> pole;
  std::complex<double> residue;
};

inline const std::vector<Mode>& modes() {
  static const std::vector<Mode> all = {
      {std::polar(0.993, 0.06), {0.30, 0.10}},
      {std::polar(0.975, 0.31), {0.22, -0.15}},
      {std::polar(0.955, 0.75), {-0.10, 0.08}},
      {{0.997, 0}, {0.05, 0}},
      {{-0.90, 0}, {0.06, 0}},
      {std::polar(0.93, 1.6), {0.03, 0.02}},
      {std::polar(0.90, 2.4), {0.012, -0.01}},
  };
  return all;
}

inline std::vector<double> response(size_t first, size_t count, size_t length) {
  std::vector<double> h(length);
  for (size_t m = first; m < first + count; ++m) {
    const Mode& mode = modes()[m];
    std::complex<double> power = 1;
    for (size_t t = 1; t < length; ++t) {
      h[t] += (mode.pole.imag() != 0 ? 2.0 : 1.0) * std::real(mode.residue * power);
      power *= mode.pole;
    }
  }
  return h;
}

inline std::vector<double> filter(size_t length = 1024) {
  std::vector<double> h = response(0, 7, length);
  if (!h.empty()) h[0] = 0.42;
  return h;
}

inline std::vector<double> fit(size_t length = 1024) {
  std::vector<double> h = response(0, 4, length);
  if (!h.empty()) h[0] = 0.42;
  return h;
}

inline std::vector<std::complex<double>> spectrum(const std::vector<double>& h, size_t bins) {
  std::vector<std::complex<double>> result(bins);
  for (size_t k = 0; k < bins; ++k) {
    const auto turn = std::polar(1.0, -std::numbers::pi * static_cast<double>(k) / static_cast<double>(bins - 1));
    std::complex<double> sum = 0;
    for (size_t t = h.size(); t-- > 0;) sum = sum * turn + h[t];
    result[k] = sum;
  }
  return result;
}

inline std::vector<double> decibels(const std::vector<std::complex<double>>& response) {
  std::vector<double> result;
  for (const auto& value : response) result.push_back(20 * std::log10(std::max(1e-12, std::abs(value))));
  return result;
}

inline std::vector<double> unwrappedPhase(const std::vector<std::complex<double>>& response) {
  std::vector<double> result;
  for (const auto& value : response) {
    double angle = std::arg(value);
    if (!result.empty()) angle += 2 * std::numbers::pi * std::round((result.back() - angle) / (2 * std::numbers::pi));
    result.push_back(angle);
  }
  return result;
}

inline std::vector<double> singularValues(size_t count) {
  std::vector<double> values(count);
  for (size_t k = 0; k < count; ++k) {
    const double x = static_cast<double>(k);
    values[k] = 8.4 * std::exp(-0.42 * x) * (1 + 0.25 * std::cos(1.9 * x)) + 3e-6 * std::exp(-0.05 * x);
  }
  std::sort(values.rbegin(), values.rend());
  return values;
}

// Relative errors by order, 0 to `last`, `above` times what is possible.
inline std::vector<double> errors(size_t last, double above) {
  std::vector<double> result(last + 1);
  for (size_t d = 0; d <= last; ++d) {
    result[d] = d == 0 ? 1.0 : std::min(1.0, above * (0.75 * std::exp(-0.40 * static_cast<double>(d)) + 4e-7));
  }
  return result;
}

}  // namespace samples
