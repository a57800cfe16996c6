#include "analysis/reduction/methods/decimation.h"

#include <cmath>
#include <numeric>

namespace analysis {

Decimation::Decimation(std::span<const double> full, int limit) {
  const auto length = static_cast<int>(full.size());
  factor = std::max(1, (length + limit - 1) / limit);
  g.resize(length / factor);
  for (std::size_t i = 0; i < g.size(); ++i) {
    const auto box = full.subspan(i * factor, factor);
    g[i] = std::accumulate(box.begin(), box.end(), 0.0) / factor;
  }
}

Poles Decimation::fullRate(const Poles& poles) const {
  if (factor == 1) return poles;
  Poles out;
  for (const auto z : poles) {
    const double radius = std::abs(z);
    if (radius == 0)
      out.push_back(0);
    else
      out.push_back(std::polar(std::pow(radius, 1.0 / factor), z.imag() == 0 ? 0.0 : std::arg(z) / factor));
  }
  return out;
}

}  // namespace analysis
