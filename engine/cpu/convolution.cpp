#include "engine/cpu/convolution.h"

#include <algorithm>

#include "engine/cpu/prefill.h"
#include "engine/cpu/promptconvolution.h"

namespace engine::cpu {

int ConvolutionMemory::ringLength(int filterLength, int capacity) {
  return std::min(filterLength, capacity);
}

std::size_t ConvolutionMemory::scratchFloats(int filterLength, int tokens) {
  return PromptConvolution::scratchFloats(std::min(filterLength, tokens), tokens);
}

ConvolutionMemory::ConvolutionMemory(const FilterBank& bank, int batch, int capacity, Meter& cache, Prefill way)
    : m_bank(bank),
      m_way(way),
      m_batch(batch),
      m_ringLength(ringLength(bank.length, capacity)),
      m_rings(static_cast<std::size_t>(batch) * static_cast<std::size_t>(bank.channels) *
                  static_cast<std::size_t>(m_ringLength),
              cache) {}

void ConvolutionMemory::reset() {
  m_rings.clear();
}

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
  convolvePrompt(context, m_bank, tokens, convolutionWay(m_way, tokens, tokens), u, y,
                 [&](int channel, const float* inputs) {
                   float* kept = ring(sequence, channel);
                   if (tokens <= m_ringLength) {
                     std::copy_n(inputs, tokens, kept);
                     return;
                   }
                   for (int t = tokens - m_ringLength; t < tokens; ++t) kept[t % m_ringLength] = inputs[t];
                 });
}

}  // namespace engine::cpu
