#include "engine/cpu/tiled.h"

#include <algorithm>

#include "engine/cpu/prefill.h"

namespace engine::cpu {

std::size_t Tiles::scratchFloats(int filterLength, int capacity) {
  // The longest prompt is convolved with every tap that can still matter; tiles are smaller.
  return PromptConvolution::scratchFloats(std::min(filterLength, capacity), capacity);
}

void Tiles::add(float* scratch, int filter, int side, int position, float* slots) const {
  if (side == 0) return;
  const float* end =
      m_bank.reversed.data() + static_cast<std::size_t>(filter + 1) * static_cast<std::size_t>(m_bank.length);
  const int outputs = std::min(side, m_capacity - position);
  const float* inputs = slots + position - side;
  if (side >= fftSide) {
    const int taps = std::min(side + outputs, m_bank.length);  // beyond the capacity no output waits for more
    const PromptConvolution convolution(m_bank, taps, side, side + taps - 1, Prefill::fft);
    convolution.convolveRow(scratch, filter, inputs);
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

float Tiles::take(int filter, int position, float input, float* slots) const {
  const auto row = static_cast<std::size_t>(filter);
  const float newestTap = m_bank.reversed[(row + 1) * static_cast<std::size_t>(m_bank.length) - 1];
  const float output = slots[position] + (newestTap + m_bank.skip[row]) * input;
  slots[position] = input;
  return output;
}

TiledMemory::TiledMemory(const FilterBank& bank, int batch, int capacity, Meter& cache, Prefill way)
    : m_bank(bank),
      m_way(way),
      m_tiles(bank, capacity),
      m_batch(batch),
      m_capacity(capacity),
      m_slots(static_cast<std::size_t>(batch) * static_cast<std::size_t>(bank.channels) *
                  static_cast<std::size_t>(capacity),
              cache) {}

float* TiledMemory::slots(int sequence, int channel) {
  const auto row = static_cast<std::size_t>(sequence) * static_cast<std::size_t>(m_bank.channels) +
                   static_cast<std::size_t>(channel);
  return m_slots.data() + row * static_cast<std::size_t>(m_capacity);
}

void TiledMemory::prefill(Context& context, int sequence, int, int tokens, const float* u, float* y) {
  constexpr int size = PromptConvolution::groupChannels;
  const int taps = std::min(m_bank.length, m_capacity), ends = std::min(m_capacity, tokens + taps - 1);
  PromptConvolution convolution(m_bank, taps, tokens, ends, convolutionWay(m_way, ends, tokens));
  context.team.run((m_bank.channels + size - 1) / size, [&](int group, int thread) {
    if (context.stopped()) return;
    const int first = group * size, count = std::min(size, m_bank.channels - first);
    float* scratch = context.scratchOf(thread);
    convolution.run(scratch, first, count, u,
                    [&](int i, const float* inputs) { std::copy_n(inputs, tokens, slots(sequence, first + i)); });
    for (int i = 0; i < count; ++i) {
      const float* sums = convolution.row(scratch, i);
      const float* inputs = slots(sequence, first + i);
      const std::size_t channel = static_cast<std::size_t>(first) + static_cast<std::size_t>(i);
      const float skip = m_bank.skip[channel];
      for (int t = 0; t < tokens; ++t)
        y[static_cast<std::size_t>(t) * static_cast<std::size_t>(m_bank.channels) + channel] = sums[t] + skip * inputs[t];
      std::copy(sums + tokens, sums + ends, slots(sequence, first + i) + tokens);
    }
  });
  m_first = -1;
}

void TiledMemory::step(Context& context, int position, const float* u, float* y) {
  if (m_first < 0) m_first = position;
  const int side = Tiles::side(position - m_first);
  const auto channels = static_cast<std::size_t>(m_bank.channels);
  const int perItem = std::clamp(side >= Tiles::fftSide ? 1 : 16384 / (side * side + 16), 1, m_bank.channels);
  const int itemsPerSequence = (m_bank.channels + perItem - 1) / perItem;
  context.team.run(m_batch * itemsPerSequence, [&](int item, int thread) {
    const int sequence = item / itemsPerSequence, first = item % itemsPerSequence * perItem;
    for (int c = first; c < std::min(first + perItem, m_bank.channels); ++c) {
      const std::size_t i = static_cast<std::size_t>(sequence) * channels + static_cast<std::size_t>(c);
      float* memory = slots(sequence, c);
      m_tiles.add(context.scratchOf(thread), c, side, position, memory);
      y[i] = m_tiles.take(c, position, u[i], memory);
    }
  });
}

HeadTiles::HeadTiles(const FilterBank& bank, int heads, int headWidth, int batch, int capacity, Meter& cache,
                     Prefill way)
    : m_bank(bank),
      m_way(way),
      m_tiles(bank, capacity),
      m_heads(heads),
      m_headWidth(headWidth),
      m_capacity(capacity),
      m_slots(static_cast<std::size_t>(batch) * static_cast<std::size_t>(heads) *
                  static_cast<std::size_t>(headWidth * headWidth) * static_cast<std::size_t>(capacity),
              cache),
      m_first(static_cast<std::size_t>(batch) * static_cast<std::size_t>(heads), -1) {}

void HeadTiles::reset() {
  m_slots.clear();
  std::fill(m_first.begin(), m_first.end(), -1);
}

void HeadTiles::archive(StateArchive& state) {
  state.value(m_slots);
  for (int& first : m_first) state.value(first);
}

void HeadTiles::advance(Context& context, int thread, int sequence, int head, int position, int rows,
                        const float* streams, float* y) {
  const std::size_t index =
      static_cast<std::size_t>(sequence) * static_cast<std::size_t>(m_heads) + static_cast<std::size_t>(head);
  const std::size_t entries = static_cast<std::size_t>(m_headWidth) * static_cast<std::size_t>(m_headWidth);
  float* slots = m_slots.data() + index * entries * static_cast<std::size_t>(m_capacity);
  const int column = head * m_headWidth;
  if (rows == 1)
    return step(context.scratchOf(thread), head, position, m_first[index], streams + column, slots, y + column);
  m_first[index] = -1;
  prompt(context.scratchOf(thread), head, position, rows, streams + column, slots, y + column);
}

void HeadTiles::step(float* scratch, int head, int position, int& first, const float* query, float* slots,
                     float* y) const {
  if (first < 0) first = position;
  const int side = Tiles::side(position - first), width = m_heads * m_headWidth;
  const float* key = query + width;
  const float* value = key + width;
  std::fill_n(y, m_headWidth, 0.0F);
  for (int i = 0; i < m_headWidth; ++i)
    for (int j = 0; j < m_headWidth; ++j, slots += m_capacity) {
      m_tiles.add(scratch, head, side, position, slots);
      y[j] += query[i] * m_tiles.take(head, position, key[i] * value[j], slots);
    }
}

void HeadTiles::prompt(float* scratch, int head, int position, int rows, const float* query, float* slots,
                       float* y) const {
  const auto width = static_cast<std::size_t>(m_heads) * static_cast<std::size_t>(m_headWidth);
  const int taps = std::min(m_bank.length, m_capacity - position);
  const int ends = std::min(m_capacity - position, rows + taps - 1);
  const PromptConvolution convolution(m_bank, taps, rows, ends, convolutionWay(m_way, ends, rows));
  float* input = convolution.row(scratch, 1);
  const float* sums = convolution.row(scratch, 0);
  const float skip = m_bank.skip[static_cast<std::size_t>(head)];
  const auto at = [&](const float* from, int row, std::size_t stride) {
    return from + static_cast<std::size_t>(row) * stride;
  };
  for (int t = 0; t < rows; ++t) std::fill_n(y + static_cast<std::size_t>(t) * width, m_headWidth, 0.0F);
  for (int i = 0; i < m_headWidth; ++i)
    for (int j = 0; j < m_headWidth; ++j, slots += m_capacity) {
      const float* key = query + width + i;
      const float* value = query + 2 * width + j;
      for (int t = 0; t < rows; ++t) input[t] = *at(key, t, 3 * width) * *at(value, t, 3 * width);
      convolution.convolveRow(scratch, head, input);
      float* sum = slots + position;  // of the pieces before
      for (int t = 0; t < rows; ++t)
        y[static_cast<std::size_t>(t) * width + static_cast<std::size_t>(j)] +=
            *at(query + i, t, 3 * width) * (sum[t] + sums[t] + skip * input[t]);
      for (int t = rows; t < ends; ++t) sum[t] += sums[t];
    }
}

}  // namespace engine::cpu
