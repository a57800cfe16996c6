#include "engine/cpu/keyvalues.h"

#include <algorithm>

#include "engine/cpu/matmul.h"
#include "engine/cpu/vector.h"

namespace engine::cpu {
namespace {

std::size_t floats(int batch, int heads, int capacity, int headWidth) {
  return static_cast<std::size_t>(batch) * static_cast<std::size_t>(heads) * static_cast<std::size_t>(capacity) *
         static_cast<std::size_t>(headWidth);
}

}  // namespace

KeyValues::KeyValues(int heads, int headWidth, int batch, int capacity, Meter& cache)
    : m_heads(heads),
      m_headWidth(headWidth),
      m_capacity(capacity),
      m_keys(floats(batch, heads, capacity, headWidth), cache),
      m_values(floats(batch, heads, capacity, headWidth), cache) {}

std::size_t KeyValues::offset(int sequence, int head, int position) const {
  return floats(sequence * m_heads + head, 1, m_capacity, m_headWidth) +
         static_cast<std::size_t>(position) * static_cast<std::size_t>(m_headWidth);
}

void KeyValues::append(int sequence, int head, int position, const float* key, const float* value) {
  const std::size_t at = offset(sequence, head, position);
  std::copy_n(key, m_headWidth, m_keys.data() + at);
  std::copy_n(value, m_headWidth, m_values.data() + at);
}

void KeyValues::scores(int sequence, int head, int first, int last, const float* queries, std::size_t queryStride,
                       int rows, float* scores, std::size_t stride) const {
  const Matrix keys{m_keys.data() + offset(sequence, head, first), nullptr, m_headWidth};
  multiply(keys, {0, rows, 0, last - first}, queries, queryStride, scores, stride);
}

void KeyValues::weigh(int sequence, int head, int first, int last, const float* weights, float* to) const {
  const float* values = m_values.data() + offset(sequence, head, first);
  const auto stride = static_cast<std::size_t>(m_headWidth);
  constexpr int unroll = 4;
  int column = 0;
  for (; column + unroll * lanes <= m_headWidth; column += unroll * lanes) {
    Vector sums[unroll] = {};
    const float* row = values + column;
    for (int s = 0; s < last - first; ++s, row += stride)
      for (int j = 0; j < unroll; ++j) sums[j] += weights[s] * load(row + j * lanes);
    for (int j = 0; j < unroll; ++j) store(to + column + j * lanes, sums[j]);
  }
  if (column == m_headWidth) return;
  std::fill(to + column, to + m_headWidth, 0.0F);
  for (int s = 0; s < last - first; ++s, values += stride)
    for (int c = column; c < m_headWidth; ++c) to[c] += weights[s] * values[c];
}

}  // namespace engine::cpu
