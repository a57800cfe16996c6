// The smallest and largest sample of any stretch of a long uniform signal, fast enough to draw a million samples at
// every move of the mouse: a pyramid of minima and maxima, each level a quarter of the one below.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace widgets {

struct Extent {
  double low;
  double high;
};

class Envelope {
 public:
  Envelope() = default;
  // O(n) time, 2/3 n doubles of memory beside the samples. Samples that are not finite are passed over.
  explicit Envelope(std::vector<double> samples);

  std::span<const double> samples() const { return m_samples; }
  size_t size() const { return m_samples.size(); }
  bool empty() const { return m_samples.empty(); }

  // Over samples first..last-1, clipped to the signal. low > high when there is no finite sample. O(log n).
  Extent extent(size_t first, size_t last) const;

 private:
  std::vector<double> m_samples;
  std::vector<std::vector<Extent>> m_levels;  // level k: one entry per 4^(k+1) samples
};

}  // namespace widgets
