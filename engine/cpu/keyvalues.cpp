#include "engine/cpu/keyvalues.h"

#include <algorithm>
#include <utility>

#include "engine/cpu/dots.h"
#include "engine/cpu/vector.h"

namespace engine::cpu {
namespace {

constexpr int columns = 4 * lanes;  // of values that are summed in registers at once

// Rows x columns sums over `count` values. Constant indices: GCC keeps arrays in registers only where no loop is left
// when it looks.
template <int Rows, int... C, int... I>
void weightedSums(const float* values, std::size_t valueStride, int count, const float* weights, std::size_t stride,
                  float* to, std::size_t toStride, std::integer_sequence<int, C...>, std::integer_sequence<int, I...>) {
  constexpr std::size_t vectors = sizeof...(C);
  Vector sums[Rows * vectors] = {};
  for (int s = 0; s < count; ++s, ++weights, values += valueStride) {
    const Vector value[vectors] = {held(load(values + C * lanes))...};
    ((sums[I] += weights[I / vectors * stride] * value[I % vectors]), ...);
  }
  (store(to + I / vectors * toStride + I % vectors * lanes, sums[I]), ...);
}

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
  dots(m_keys.data() + offset(sequence, head, first), last - first, m_headWidth, queries, queryStride, rows, scores,
       stride);
}

void KeyValues::weigh(int sequence, int head, int first, int last, const float* weights, std::size_t stride, int rows,
                      float* to, std::size_t toStride) const {
  constexpr int together = 4;  // rows that share each value that was loaded
  const float* values = m_values.data() + offset(sequence, head, first);
  const auto width = static_cast<std::size_t>(m_headWidth);
  const int count = last - first, whole = m_headWidth / columns * columns;
  constexpr auto vectors = std::make_integer_sequence<int, columns / lanes>();
  while (rows > 0) {
    const int now = rows >= together ? together : 1;
    for (int column = 0; column < whole; column += columns)
      if (now == together)
        weightedSums<together>(values + column, width, count, weights, stride, to + column, toStride, vectors,
                               std::make_integer_sequence<int, together * columns / lanes>());
      else
        weightedSums<1>(values + column, width, count, weights, stride, to + column, toStride, vectors,
                        std::make_integer_sequence<int, columns / lanes>());
    for (int r = 0; r < now && whole < m_headWidth; ++r) {
      float* row = to + static_cast<std::size_t>(r) * toStride;
      std::fill(row + whole, row + m_headWidth, 0.0F);
      const float* weight = weights + static_cast<std::size_t>(r) * stride;
      const float* value = values;
      for (int s = 0; s < count; ++s, value += width)
        for (int c = whole; c < m_headWidth; ++c) row[c] += weight[s] * value[c];
    }
    weights += static_cast<std::size_t>(now) * stride;
    to += static_cast<std::size_t>(now) * toStride;
    rows -= now;
  }
}

}  // namespace engine::cpu
