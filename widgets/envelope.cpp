#include "widgets/envelope.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace widgets {
namespace {

constexpr size_t fan = 4;
constexpr Extent nothing{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};

void include(Extent& extent, double value) {
  if (!std::isfinite(value)) return;
  extent.low = std::min(extent.low, value);
  extent.high = std::max(extent.high, value);
}

void include(Extent& extent, const Extent& other) {
  extent.low = std::min(extent.low, other.low);
  extent.high = std::max(extent.high, other.high);
}

// Of `fan` samples, without a branch: this loop runs over the whole signal at every change.
Extent extentOf(const double* samples) {
  Extent extent = nothing;
  for (size_t i = 0; i < fan; ++i) {
    const bool finite = std::abs(samples[i]) <= std::numeric_limits<double>::max();
    const double low = finite ? samples[i] : nothing.low;
    const double high = finite ? samples[i] : nothing.high;
    extent.low = low < extent.low ? low : extent.low;
    extent.high = high > extent.high ? high : extent.high;
  }
  return extent;
}

}  // namespace

Envelope::Envelope(std::vector<double> samples) : m_samples(std::move(samples)) {
  const size_t size = m_samples.size();
  if (size < fan) return;
  std::vector<Extent> level((size + fan - 1) / fan, nothing);
  for (size_t i = 0; i < size / fan; ++i) level[i] = extentOf(m_samples.data() + fan * i);
  for (size_t i = size - size % fan; i < size; ++i) include(level.back(), m_samples[i]);
  while (level.size() >= fan) {
    std::vector<Extent> above((level.size() + fan - 1) / fan, nothing);
    for (size_t i = 0; i < level.size(); ++i) include(above[i / fan], level[i]);
    m_levels.push_back(std::move(level));
    level = std::move(above);
  }
  m_levels.push_back(std::move(level));
}

Extent Envelope::extent(size_t first, size_t last) const {
  Extent result = nothing;
  last = std::min(last, m_samples.size());
  // Ragged ends are taken from the level at hand, the even middle from the levels above.
  for (; first < last && (first % fan != 0 || last - first < fan); ++first) include(result, m_samples[first]);
  for (; first < last && last % fan != 0; --last) include(result, m_samples[last - 1]);
  for (const std::vector<Extent>& level : m_levels) {
    if (first >= last) break;
    first /= fan;
    last /= fan;
    const bool top = &level == &m_levels.back();
    for (; first < last && (top || first % fan != 0 || last - first < fan); ++first) include(result, level[first]);
    for (; first < last && last % fan != 0; --last) include(result, level[last - 1]);
  }
  return result;
}

}  // namespace widgets
