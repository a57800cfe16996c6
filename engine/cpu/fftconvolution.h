// Convolution of a prompt with its filters by FFT, a few channels at a time, and the dot product that does the same for
// one output.
#pragma once

#include <cstddef>

#include "engine/weights.h"

namespace engine::cpu {

// sum_i a[i] b[i], in float with several running sums.
float dot(const float* a, const float* b, int count);

// Linear convolution of `tokens` inputs with the first `taps` taps, for up to groupChannels neighbouring channels.
class FftConvolution {
 public:
  // Half a cache line: prompts lie [token, channel].
  static constexpr int groupChannels = 8;

  // taps: of the bank, at most its length.
  FftConvolution(const FilterBank& bank, int taps, int tokens);
  // Floats that run() needs.
  static std::size_t scratchFloats(int taps, int tokens);
  // Reads u [tokens, channels] at columns [first, first + count). Afterwards row(i) holds h * u of channel first + i,
  // indices 0 .. tokens + taps - 2, without skip. `inputs(i, u)` sees each channel's inputs in time order before.
  template <class Inputs>
  void run(float* scratch, int first, int count, const float* u, Inputs&& inputs);
  // The same for one channel whose inputs lie in time order; the result is in row(0).
  void convolveRow(float* scratch, int channel, const float* inputs) const;
  float* row(float* scratch, int i) const { return scratch + m_valueFloats * static_cast<std::size_t>(i + 1); }

 private:
  void gather(float* scratch, int first, int count, const float* u) const;
  void convolve(float* scratch, int channel, float* values) const;

  const FilterBank& m_bank;
  int m_taps, m_tokens, m_size;
  std::size_t m_valueFloats, m_binFloats;
};

template <class Inputs>
void FftConvolution::run(float* scratch, int first, int count, const float* u, Inputs&& inputs) {
  gather(scratch, first, count, u);
  for (int i = 0; i < count; ++i) {
    inputs(i, static_cast<const float*>(row(scratch, i)));
    convolve(scratch, first + i, row(scratch, i));
  }
}

}  // namespace engine::cpu
