#include "engine/cpu/convolution.h"

#include <algorithm>
#include <complex>

#include "analysis/response/fft.h"
#include "engine/cpu/vector.h"

namespace engine::cpu {
namespace {

// Half a cache line of channels is transformed together: the prompt lies [token, channel].
constexpr int groupChannels = 8;

int transformSize(int filterLength, int tokens) {
  return analysis::fastFftSize(std::max(2, tokens + std::min(filterLength, tokens) - 1));
}

// Bins as floats, rounded up so that everything after them stays aligned.
std::size_t binFloats(int size) { return (static_cast<std::size_t>(size) + 2 + 15) / 16 * 16; }
std::size_t valueFloats(int size) { return (static_cast<std::size_t>(size) + 15) / 16 * 16; }

// Several running sums: each addition would wait for the one before it.
float dot(const float* a, const float* b, int count) {
  constexpr int unroll = 4;
  Vector sums[unroll] = {};
  int i = 0;
  for (; i + unroll * lanes <= count; i += unroll * lanes)
    for (int j = 0; j < unroll; ++j) sums[j] += load(a + i + j * lanes) * load(b + i + j * lanes);
  for (; i + lanes <= count; i += lanes) sums[0] += load(a + i) * load(b + i);
  if (i < count) sums[1] += loadPart(a + i, count - i) * loadPart(b + i, count - i);
  const Vector total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  float values[lanes];
  store(values, total);
  for (int width = lanes / 2; width > 0; width /= 2)
    for (int j = 0; j < width; ++j) values[j] += values[j + width];
  return values[0];
}

}  // namespace

int ConvolutionMemory::ringLength(int filterLength, int capacity) { return std::min(filterLength, capacity); }

std::size_t ConvolutionMemory::scratchFloats(int filterLength, int tokens) {
  const int size = transformSize(filterLength, tokens);
  return (groupChannels + 1) * valueFloats(size) + 2 * binFloats(size);
}

ConvolutionMemory::ConvolutionMemory(const FilterBank& bank, int batch, int capacity, Meter& cache)
    : m_bank(bank), m_batch(batch), m_ringLength(ringLength(bank.length, capacity)),
      m_rings(static_cast<std::size_t>(batch) * static_cast<std::size_t>(bank.channels) *
                  static_cast<std::size_t>(m_ringLength),
              cache) {}

void ConvolutionMemory::reset() { m_rings.clear(); }

float* ConvolutionMemory::ring(int sequence, int channel) {
  const auto row = static_cast<std::size_t>(sequence) * static_cast<std::size_t>(m_bank.channels) +
                   static_cast<std::size_t>(channel);
  return m_rings.data() + row * static_cast<std::size_t>(m_ringLength);
}

void ConvolutionMemory::step(Context& context, int position, const float* u, float* y) {
  const int slot = position % m_ringLength;
  // Slots after `slot` hold the oldest inputs, if the ring has gone round.
  const int older = position < m_ringLength ? 0 : m_ringLength - 1 - slot;
  const auto length = static_cast<std::size_t>(m_bank.length);
  const auto channels = static_cast<std::size_t>(m_bank.channels);
  const int perItem = std::clamp(16384 / (slot + 1 + older), 1, m_bank.channels);  // a few microseconds
  const int itemsPerSequence = (m_bank.channels + perItem - 1) / perItem;
  context.team.run(m_batch * itemsPerSequence, [&](int item, int) {
    const int sequence = item / itemsPerSequence, first = item % itemsPerSequence * perItem;
    for (int c = first; c < std::min(first + perItem, m_bank.channels); ++c) {
      const std::size_t i = static_cast<std::size_t>(sequence) * channels + static_cast<std::size_t>(c);
      const float input = u[i];
      float* inputs = ring(sequence, c);
      inputs[slot] = input;
      const float* end = m_bank.reversed.data() + (static_cast<std::size_t>(c) + 1) * length;  // past lag 0
      float sum = dot(end - (slot + 1), inputs, slot + 1);
      if (older > 0) sum += dot(end - m_ringLength, inputs + slot + 1, older);
      y[i] = sum + m_bank.skip[static_cast<std::size_t>(c)] * input;
    }
  });
}

void ConvolutionMemory::prefill(Context& context, int sequence, int, int tokens, const float* u, float* y) {
  const int groups = (m_bank.channels + groupChannels - 1) / groupChannels;
  context.team.run(groups, [&](int group, int thread) {
    if (!context.stopped()) convolveGroup(context, thread, sequence, tokens, group * groupChannels, u, y);
  });
}

void ConvolutionMemory::convolveGroup(Context& context, int thread, int sequence, int tokens, int firstChannel,
                                      const float* u, float* y) {
  const int size = transformSize(m_bank.length, tokens);
  const analysis::RealFft<float> fft(size);
  const auto n = static_cast<std::size_t>(size), bins = static_cast<std::size_t>(fft.bins());
  const auto channels = static_cast<std::size_t>(m_bank.channels), length = static_cast<std::size_t>(m_bank.length);
  const int count = std::min(groupChannels, m_bank.channels - firstChannel);
  const int usedTaps = std::min(m_bank.length, tokens);

  float* taps = context.scratchOf(thread);
  float* values = taps + valueFloats(size);
  float* spectra = values + groupChannels * valueFloats(size);
  const std::span filterBins{reinterpret_cast<std::complex<float>*>(spectra), bins};
  const std::span inputBins{reinterpret_cast<std::complex<float>*>(spectra + binFloats(size)), bins};
  const auto valuesOf = [&](int i) { return values + static_cast<std::size_t>(i) * valueFloats(size); };

  for (int t = 0; t < tokens; ++t) {
    const float* row = u + static_cast<std::size_t>(t) * channels + firstChannel;
    for (int i = 0; i < count; ++i) valuesOf(i)[t] = row[i];
  }
  for (int i = 0; i < count; ++i) {
    float* x = valuesOf(i);
    float* kept = ring(sequence, firstChannel + i);
    for (int t = std::max(0, tokens - m_ringLength); t < tokens; ++t) kept[t % m_ringLength] = x[t];

    const float* end = m_bank.reversed.data() + static_cast<std::size_t>(firstChannel + i + 1) * length;
    std::reverse_copy(end - usedTaps, end, taps);
    std::fill(taps + usedTaps, taps + size, 0.0F);
    std::fill(x + tokens, x + size, 0.0F);
    fft.forward({taps, n}, filterBins);
    fft.forward({x, n}, inputBins);
    for (std::size_t k = 0; k < bins; ++k) {
      const std::complex<float> a = filterBins[k], b = inputBins[k];
      inputBins[k] = {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
    }
    fft.inverse(inputBins, {x, n});
  }
  for (int t = 0; t < tokens; ++t) {
    const std::size_t row = static_cast<std::size_t>(t) * channels + static_cast<std::size_t>(firstChannel);
    for (int i = 0; i < count; ++i) {
      const float skip = m_bank.skip[static_cast<std::size_t>(firstChannel + i)];
      y[row + static_cast<std::size_t>(i)] = valuesOf(i)[t] + skip * u[row + static_cast<std::size_t>(i)];
    }
  }
}

}  // namespace engine::cpu
