#include "engine/cpu/promptconvolution.h"

#include <algorithm>
#include <complex>
#include <span>

#include "analysis/response/fft.h"
#include "engine/cpu/vector.h"

namespace engine::cpu {
namespace {

std::size_t aligned(int floats) {
  return (static_cast<std::size_t>(floats) + 15) / 16 * 16;
}

constexpr int tile = 4 * lanes;  // outputs whose sums stay in registers

int transformSize(int taps, int tokens) {
  return analysis::fastFftSize(std::max(2, tokens + taps - 1));
}

}  // namespace

float dot(const float* a, const float* b, int count) {
  constexpr int unroll = 4;
  Vector sums[unroll] = {};
  int i = 0;
  for (; i + unroll * lanes <= count; i += unroll * lanes)
    for (int j = 0; j < unroll; ++j) sums[j] += load(a + i + j * lanes) * load(b + i + j * lanes);
  for (; i + lanes <= count; i += lanes) sums[0] += load(a + i) * load(b + i);
  if (i < count) sums[1] += loadPart(a + i, count - i) * loadPart(b + i, count - i);
  float values[lanes];
  store(values, (sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (int width = lanes / 2; width > 0; width /= 2)
    for (int j = 0; j < width; ++j) values[j] += values[j + width];
  return values[0];
}

PromptConvolution::PromptConvolution(const FilterBank& bank, int taps, int tokens, int outputs, Prefill way)
    : m_bank(bank),
      m_taps(taps),
      m_tokens(tokens),
      m_outputs(outputs),
      m_size(transformSize(taps, tokens)),
      m_way(way),
      m_valueFloats(aligned(m_size + tile)),
      m_binFloats(aligned(m_size + 2 + tile)) {}

std::size_t PromptConvolution::scratchFloats(int taps, int tokens) {
  const int size = transformSize(taps, tokens);
  return (groupChannels + 1) * aligned(size + tile) + 2 * aligned(size + 2 + tile);
}

void PromptConvolution::gather(float* scratch, int first, int count, const float* u) const {
  for (int t = 0; t < m_tokens; ++t) {
    const float* in = u + static_cast<std::size_t>(t) * static_cast<std::size_t>(m_bank.channels) + first;
    for (int i = 0; i < count; ++i) row(scratch, i)[t] = in[i];
  }
}

void PromptConvolution::convolveRow(float* scratch, int channel, const float* inputs) const {
  std::copy_n(inputs, m_tokens, row(scratch, 0));
  convolve(scratch, channel, row(scratch, 0));
}

void PromptConvolution::convolve(float* scratch, int channel, float* values) const {
  const float* end =
      m_bank.reversed.data() + static_cast<std::size_t>(channel + 1) * static_cast<std::size_t>(m_bank.length);
  if (m_way == Prefill::toeplitz)
    byToeplitz(scratch, end, values);
  else
    byFft(scratch, end, values);
}

void PromptConvolution::byFft(float* scratch, const float* end, float* values) const {
  const analysis::RealFft<float> fft(m_size);
  const auto n = static_cast<std::size_t>(m_size), bins = static_cast<std::size_t>(fft.bins());
  float* taps = scratch;
  float* spectra = scratch + (groupChannels + 1) * m_valueFloats;
  const std::span filterBins{reinterpret_cast<std::complex<float>*>(spectra), bins};
  const std::span inputBins{reinterpret_cast<std::complex<float>*>(spectra + m_binFloats), bins};

  std::reverse_copy(end - m_taps, end, taps);
  std::fill(taps + m_taps, taps + m_size, 0.0F);
  std::fill(values + m_tokens, values + m_size, 0.0F);
  fft.forward({taps, n}, filterBins);
  fft.forward({values, n}, inputBins);
  const float* a = spectra;
  float* b = spectra + m_binFloats;
  for (std::size_t k = 0; k < 2 * bins; k += 2) {
    const float re = a[k] * b[k] - a[k + 1] * b[k + 1], im = a[k] * b[k + 1] + a[k + 1] * b[k];
    b[k] = re;
    b[k + 1] = im;
  }
  fft.inverse(inputBins, {values, n});
}

// A tile of outputs takes every input in turn, times the taps that lie that far behind each of them. Zeros stand on
// both sides of the taps.
void PromptConvolution::byToeplitz(float* scratch, const float* end, float* values) const {
  float* inputs = scratch;
  float* taps = scratch + (groupChannels + 1) * m_valueFloats;
  std::copy_n(values, m_tokens, inputs);
  std::fill_n(taps, tile, 0.0F);
  std::reverse_copy(end - m_taps, end, taps + tile);
  std::fill_n(taps + tile + m_taps, tile, 0.0F);
  for (int t = 0; t < m_outputs; t += tile) {
    Vector sums[4] = {};
    const int last = std::min(m_tokens, t + tile);
    for (int s = std::max(0, t - m_taps + 1); s < last; ++s) {
      const Vector input = everywhere(inputs[s]);
      const float* lag = taps + tile + t - s;
      unrolled<4>([&](auto i) { sums[i] += input * load(lag + i * lanes); });
    }
    unrolled<4>([&](auto i) { store(values + t + i * lanes, sums[i]); });
  }
}

}  // namespace engine::cpu
