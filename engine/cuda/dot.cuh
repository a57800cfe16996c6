// Dot products of many weight rows with a few input rows by one block of 8 warps. Each warp takes every eighth chunk of
// 256 inputs of every row, so that many independent loads are on their way at once; a sum's order depends on neither
// the number of rows nor the grid.
#pragma once

#include "engine/cuda/device.cuh"

namespace engine::cuda {

constexpr int dotWarps = 8;
// Outputs taken together: as many independent loads as registers allow.
template <int Rows>
__host__ __device__ constexpr int dotOutputs() {
  return Rows <= 2 ? 8 : 4;
}

// Where a warp stands in the rows of its block: group of outputs, then chunk.
struct DotPlace {
  int group = 0, k = 0;
};

// weightOf(i): row of output i < outputs. The first weights are fetched by begin(), before the inputs are there.
template <class T, int Rows, class WeightOf>
class Dot {
 public:
  __device__ Dot(int inputs, int outputs, WeightOf weightOf)
      : m_inputs(inputs),
        m_outputs(outputs),
        m_lane8(8 * (threadIdx.x % 32)),
        m_weightOf(weightOf) {
    m_next.k = first();
  }
  __device__ void begin() {
    fetch(m_ahead[0]);
    fetch(m_ahead[1]);
  }
  // partial [8 warps][outputs][Rows] in shared memory; x rows `stride` apart. The caller synchronizes.
  __device__ void run(const T* x, int rows, float* partial) {
    DotPlace place{0, first()};
    while (place.group < m_outputs) {
#pragma unroll
      for (int b = 0; b < 2; ++b) {
        if (place.group >= m_outputs) break;
        add(m_ahead[b], x, rows, place.k);
        fetch(m_ahead[b]);
        const int group = place.group;
        step(place);
        if (place.group != group) flush(group, partial);
      }
    }
  }

 private:
  static constexpr int together = dotOutputs<Rows>();
  __device__ int first() const { return 256 * (static_cast<int>(threadIdx.x) / 32); }
  __device__ void step(DotPlace& place) const {
    place.k += 256 * dotWarps;
    if (place.k - first() >= m_inputs) place.k = first(), place.group += together;
  }
  __device__ void fetch(Eight<T> (&to)[together]) {
    const bool inside = m_next.k + m_lane8 < m_inputs;
#pragma unroll
    for (int o = 0; o < together; ++o) {
      if (inside && m_next.group + o < m_outputs)
        to[o].stream(m_weightOf(m_next.group + o) + m_next.k + m_lane8);
      else
        to[o].clear();
    }
    step(m_next);
  }
  __device__ void add(const Eight<T> (&from)[together], const T* x, int rows, int k) {
    if (k + m_lane8 >= m_inputs) return;
#pragma unroll
    for (int r = 0; r < Rows; ++r) {
      if (Rows > 1 && r >= rows) break;
      Eight<T> in;
      in.load(x + std::size_t(r) * m_inputs + k + m_lane8);
      float values[8];
      in.unpack(values);
#pragma unroll
      for (int o = 0; o < together; ++o) {
        float w[8];
        from[o].unpack(w);
#pragma unroll
        for (int e = 0; e < 8; ++e) m_sums[o][r] = fmaf(w[e], values[e], m_sums[o][r]);
      }
    }
  }
  __device__ void flush(int group, float* partial) {
    const int warp = threadIdx.x / 32;
#pragma unroll
    for (int o = 0; o < together; ++o)
#pragma unroll
      for (int r = 0; r < Rows; ++r) {
        const float sum = warpSum(m_sums[o][r]);
        m_sums[o][r] = 0;
        if (m_lane8 == 0 && group + o < m_outputs) partial[(warp * m_outputs + group + o) * Rows + r] = sum;
      }
  }

  int m_inputs, m_outputs, m_lane8;
  WeightOf m_weightOf;
  DotPlace m_next;
  Eight<T> m_ahead[2][together];
  float m_sums[together][Rows] = {};
};

// The sum over warps of output o, row r.
template <int Rows>
__device__ inline float dotSum(const float* partial, int outputs, int o, int r) {
  float parts[dotWarps];
#pragma unroll
  for (int w = 0; w < dotWarps; ++w) parts[w] = partial[(w * outputs + o) * Rows + r];
  return ((parts[0] + parts[1]) + (parts[2] + parts[3])) + ((parts[4] + parts[5]) + (parts[6] + parts[7]));
}

}  // namespace engine::cuda
