#include "engine/cpu/tiled.h"

#include <algorithm>

namespace engine::cpu {

TiledMemory::TiledMemory(const FilterBank& bank, int batch, int capacity, Meter& cache)
    : m_bank(bank),
      m_batch(batch),
      m_capacity(capacity),
      m_slots(static_cast<std::size_t>(batch) * static_cast<std::size_t>(bank.channels) *
                  static_cast<std::size_t>(capacity),
              cache) {}

std::size_t TiledMemory::scratchFloats(int filterLength, int capacity) {
  // The longest prompt is convolved with every tap that can still matter; tiles are smaller.
  return FftConvolution::scratchFloats(std::min(filterLength, capacity), capacity);
}

float* TiledMemory::slots(int sequence, int channel) {
  const auto row = static_cast<std::size_t>(sequence) * static_cast<std::size_t>(m_bank.channels) +
                   static_cast<std::size_t>(channel);
  return m_slots.data() + row * static_cast<std::size_t>(m_capacity);
}

void TiledMemory::prefill(Context& context, int sequence, int, int tokens, const float* u, float* y) {
  constexpr int size = FftConvolution::groupChannels;
  FftConvolution convolution(m_bank, std::min(m_bank.length, m_capacity), tokens);
  const int ends = std::min(m_capacity, tokens + std::min(m_bank.length, m_capacity) - 1);
  context.team.run((m_bank.channels + size - 1) / size, [&](int group, int thread) {
    if (context.stopped()) return;
    const int first = group * size, count = std::min(size, m_bank.channels - first);
    float* scratch = context.scratchOf(thread);
    convolution.run(scratch, first, count, u,
                    [&](int i, const float* inputs) { std::copy_n(inputs, tokens, slots(sequence, first + i)); });
    for (int i = 0; i < count; ++i) {
      const float* sums = convolution.row(scratch, i);
      const float* inputs = slots(sequence, first + i);
      const float skip = m_bank.skip[static_cast<std::size_t>(first + i)];
      for (int t = 0; t < tokens; ++t)
        y[static_cast<std::size_t>(t) * static_cast<std::size_t>(m_bank.channels) +
          static_cast<std::size_t>(first + i)] = sums[t] + skip * inputs[t];
      std::copy(sums + tokens, sums + ends, slots(sequence, first + i) + tokens);
    }
  });
  m_first = -1;
}

// Inputs [position - side, position) into outputs [position, position + side).
void TiledMemory::tile(float* scratch, int channel, int side, int position, float* slots) const {
  const float* end =
      m_bank.reversed.data() + static_cast<std::size_t>(channel + 1) * static_cast<std::size_t>(m_bank.length);
  const int outputs = std::min(side, m_capacity - position);
  const float* inputs = slots + position - side;
  if (side >= fftSide) {
    // One channel, [side, 1]: its own bank of one row.
    const int taps = std::min(2 * side, m_bank.length);
    FftConvolution convolution(m_bank, taps, side);
    convolution.convolveRow(scratch, channel, inputs);
    const float* sums = convolution.row(scratch, 0) + side;
    for (int j = 0; j < std::min(outputs, taps - 1); ++j) slots[position + j] += sums[j];
    return;
  }
  for (int j = 0; j < outputs; ++j) {
    // Lags 1 + j .. side + j, of which the filter has those below its length; the newest input has the smallest.
    const int lags = std::min(side, m_bank.length - 1 - j);
    if (lags <= 0) return;
    slots[position + j] += dot(end - (1 + j) - lags, inputs + side - lags, lags);
  }
}

void TiledMemory::step(Context& context, int position, const float* u, float* y) {
  if (m_first < 0) m_first = position;
  const int done = position - m_first;
  const int side = done & -done;  // 0 before the first step
  const auto channels = static_cast<std::size_t>(m_bank.channels);
  const int perItem = std::clamp(side >= fftSide ? 1 : 16384 / (side * side + 16), 1, m_bank.channels);
  const int itemsPerSequence = (m_bank.channels + perItem - 1) / perItem;
  context.team.run(m_batch * itemsPerSequence, [&](int item, int thread) {
    const int sequence = item / itemsPerSequence, first = item % itemsPerSequence * perItem;
    for (int c = first; c < std::min(first + perItem, m_bank.channels); ++c) {
      const auto channel = static_cast<std::size_t>(c);
      const std::size_t i = static_cast<std::size_t>(sequence) * channels + channel;
      float* memory = slots(sequence, c);
      if (side > 0) tile(context.scratchOf(thread), c, side, position, memory);
      const float newestTap = m_bank.reversed[(channel + 1) * static_cast<std::size_t>(m_bank.length) - 1];
      const float input = u[i];
      y[i] = memory[position] + (newestTap + m_bank.skip[channel]) * input;
      memory[position] = input;
    }
  });
}

}  // namespace engine::cpu
