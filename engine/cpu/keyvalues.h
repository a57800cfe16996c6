// Cached keys and values, and weighted sums over them: the common ground of attention (weights by softmax) and of
// MultiHyena's exact convolution, y_t = sum_s h[t-s] (q_t . k_s) v_s.
#pragma once

#include <cstddef>

#include "engine/buffer.h"
#include "engine/snapshot.h"

namespace engine::cpu {

// Rows of one head lie together, so that a head's past is one matrix.
class KeyValues {
 public:
  // 2 * heads * headWidth floats per token and sequence.
  KeyValues(int heads, int headWidth, int batch, int capacity, Meter& cache);

  void archive(StateArchive& state) {
    state.value(m_keys);
    state.value(m_values);
  }
  int heads() const { return m_heads; }
  int headWidth() const { return m_headWidth; }
  // Stores the key and value of one head at `position`.
  void append(int sequence, int head, int position, const float* key, const float* value);

  // scores[r * stride + s] = query_r . key_s for s in [first, last); rows of queries lie `queryStride` floats apart.
  void scores(int sequence, int head, int first, int last, const float* queries, std::size_t queryStride, int rows,
              float* scores, std::size_t stride) const;
  // to[r * toStride + c] = sum over s in [first, last) of weights[r * stride + s - first] value_s[c], in ascending
  // order.
  void weigh(int sequence, int head, int first, int last, const float* weights, std::size_t stride, int rows, float* to,
             std::size_t toStride) const;

  // Of one head, from position 0 on: rows of headWidth() floats.
  const float* keys(int sequence, int head) const { return m_keys.data() + offset(sequence, head, 0); }
  const float* values(int sequence, int head) const { return m_values.data() + offset(sequence, head, 0); }

 private:
  std::size_t offset(int sequence, int head, int position) const;

  int m_heads, m_headWidth, m_capacity;
  Buffer<float> m_keys, m_values;  // [batch, heads, capacity, headWidth]
};

}  // namespace engine::cpu
