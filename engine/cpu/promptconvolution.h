// Convolution of a prompt with its filters, a few channels at a time, by FFT or as a sum of products in tiles
// (block-Toeplitz); and the dot product that does the same for one output.
#pragma once

#include <algorithm>
#include <cstddef>

#include "engine/cpu/context.h"
#include "engine/weights.h"
#include "engine/workload.h"

namespace engine::cpu {

// sum_i a[i] b[i], in float with several running sums.
float dot(const float* a, const float* b, int count);

// Linear convolution of `tokens` inputs with the first `taps` taps, for up to groupChannels neighbouring channels.
// O(n log n) by FFT, n = tokens + taps; O(tokens * outputs) by Toeplitz.
class PromptConvolution {
 public:
  // Half a cache line: prompts lie [token, channel].
  static constexpr int groupChannels = 8;

  // taps: of the bank, at most its length. outputs: how many are wanted, at most tokens + taps - 1. way: fft or
  // toeplitz.
  PromptConvolution(const FilterBank& bank, int taps, int tokens, int outputs, Prefill way);
  // Floats that run() needs.
  static std::size_t scratchFloats(int taps, int tokens);
  // Reads u [tokens, channels] at columns [first, first + count). Afterwards row(i) holds the first `outputs` values of
  // h * u of channel first + i, without skip. `inputs(i, u)` sees each channel's inputs in time order before.
  template <class Inputs>
  void run(float* scratch, int first, int count, const float* u, Inputs&& inputs);
  // The same for one channel whose inputs lie in time order; the result is in row(0).
  void convolveRow(float* scratch, int channel, const float* inputs) const;
  float* row(float* scratch, int i) const { return scratch + m_valueFloats * static_cast<std::size_t>(i + 1); }

 private:
  void gather(float* scratch, int first, int count, const float* u) const;
  void convolve(float* scratch, int channel, float* values) const;
  void byFft(float* scratch, const float* end, float* values) const;
  void byToeplitz(float* scratch, const float* end, float* values) const;

  const FilterBank& m_bank;
  int m_taps, m_tokens, m_outputs, m_size;
  Prefill m_way;
  std::size_t m_valueFloats, m_binFloats;
};

template <class Inputs>
void PromptConvolution::run(float* scratch, int first, int count, const float* u, Inputs&& inputs) {
  gather(scratch, first, count, u);
  for (int i = 0; i < count; ++i) {
    inputs(i, static_cast<const float*>(row(scratch, i)));
    convolve(scratch, first + i, row(scratch, i));
  }
}

// A whole prompt through a bank on all threads: y = h * u + D u, u and y [tokens, channels] and maybe the same.
// `inputs(channel, u)` sees each channel's inputs in time order. Returns early when stopped.
template <class Inputs>
void convolvePrompt(Context& context, const FilterBank& bank, int tokens, Prefill way, const float* u, float* y,
                    Inputs&& inputs) {
  constexpr int size = PromptConvolution::groupChannels;
  PromptConvolution convolution(bank, std::min(bank.length, tokens), tokens, tokens, way);
  const auto channels = static_cast<std::size_t>(bank.channels);
  context.team.run((bank.channels + size - 1) / size, [&](int group, int thread) {
    if (context.stopped()) return;
    const int first = group * size, count = std::min(size, bank.channels - first);
    float* scratch = context.scratchOf(thread);
    convolution.run(scratch, first, count, u, [&](int i, const float* values) { inputs(first + i, values); });
    for (int t = 0; t < tokens; ++t) {
      const std::size_t row = static_cast<std::size_t>(t) * channels + static_cast<std::size_t>(first);
      for (int i = 0; i < count; ++i) {
        const auto column = static_cast<std::size_t>(i);
        y[row + column] =
            convolution.row(scratch, i)[t] + bank.skip[static_cast<std::size_t>(first) + column] * u[row + column];
      }
    }
  });
}

}  // namespace engine::cpu
