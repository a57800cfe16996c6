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

}  // namespace

Envelope::Envelope(std::vector<double> samples) : m_samples(std::move(samples)) {
  size_t below = m_samples.size();
  while (below >= fan) {
    std::vector<Extent> level((below + fan - 1) / fan, nothing);
    for (size_t i = 0; i < below; ++i) {
      if (m_levels.empty()) {
        include(level[i / fan], m_samples[i]);
      } else {
        include(level[i / fan], m_levels.back()[i]);
      }
    }
    below = level.size();
    m_levels.push_back(std::move(level));
  }
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
