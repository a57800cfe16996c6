#include "engine/cpu/shortconvolution.h"

#include <algorithm>
#include <cassert>

namespace engine::cpu {

ShortConvolution::ShortConvolution(const ShortFilter& filter, int batch, Meter& state)
    : m_filter(filter),
      m_history(static_cast<std::size_t>(batch) * static_cast<std::size_t>((filter.taps - 1) * filter.channels),
                state) {}

void ShortConvolution::apply(int sequence, int tokens, float* rows, int first, int count) {
  assert(m_filter.taps <= maxTaps && count <= maxColumns);
  const auto channels = static_cast<std::size_t>(m_filter.channels);
  const int past = m_filter.taps - 1;
  float* columns = rows + first;
  float* history = m_history.data() + static_cast<std::size_t>(sequence * past) * channels + first;
  const float* weight = m_filter.weight.data() + first;
  const float* bias = m_filter.bias.data() + first;
  const auto row = [&](int t) { return columns + static_cast<std::size_t>(t) * channels; };
  const auto remembered = [&](int age) { return history + static_cast<std::size_t>(age) * channels; };

  // The newest inputs are needed after this call, but are about to be overwritten.
  const int fresh = std::min(tokens, past);
  float newest[(maxTaps - 1) * maxColumns];
  for (int age = 0; age < fresh; ++age) std::copy_n(row(tokens - 1 - age), count, newest + age * maxColumns);

  for (int t = tokens - 1; t >= 0; --t) {  // backwards: what lies before is still input
    float* out = row(t);
    for (int c = 0; c < count; ++c) out[c] = bias[c] + weight[c] * out[c];
    for (int lag = 1; lag <= past; ++lag) {
      const float* in = lag <= t ? row(t - lag) : remembered(lag - t - 1);
      const float* tap = weight + static_cast<std::size_t>(lag) * channels;
      for (int c = 0; c < count; ++c) out[c] += tap[c] * in[c];
    }
  }

  for (int age = past - 1; age >= fresh; --age) std::copy_n(remembered(age - fresh), count, remembered(age));
  for (int age = 0; age < fresh; ++age) std::copy_n(newest + age * maxColumns, count, remembered(age));
}

}  // namespace engine::cpu
