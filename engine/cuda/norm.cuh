// Norms inside kernels that go on to multiply by the result.
#pragma once

#include "engine/cuda/device.cuh"

namespace engine::cuda {

constexpr int normWarps = 8;  // of a block that calls normByBlock

// Row `row` of the normed input in shared memory, by one warp; sums in a fixed order.
template <class T>
__device__ inline void normByWarp(const NormView& norm, const float* from, int inputs, T* to) {
  const int lane = threadIdx.x % 32;
  float mean = 0;
  if (norm.shift) {
    float sum = 0;
    for (int i = lane; i < norm.width; i += 32) sum += from[i];
    mean = warpSum(sum) / norm.width;
  }
  float squares = 0;
  for (int i = lane; i < norm.width; i += 32) squares += (from[i] - mean) * (from[i] - mean);
  const float multiplier = normMultiplier(norm, warpSum(squares) / norm.width);
  for (int i = lane; i < inputs; i += 32) {
    float value = 0;
    if (i < norm.width) {
      value = (from[i] - mean) * multiplier * norm.scale[i];
      if (norm.shift) value += norm.shift[i];
    }
    to[i] = fromFloat<T>(value);
  }
}

// One row by the whole block. `raw` keeps the values between the passes; each thread reads back its own alone.
template <class T>
__device__ inline void normByBlock(const NormView& norm, const float* from, int inputs, float* raw, T* to) {
  __shared__ float shared[2][normWarps];
  const int first = 4 * static_cast<int>(threadIdx.x);
  float sum = 0;
  for (int i = first; i < inputs; i += 4 * 32 * normWarps) {
    const float4 values = *reinterpret_cast<const float4*>(from + i);
    *reinterpret_cast<float4*>(raw + i) = values;
    sum += (values.x + values.y) + (values.z + values.w);  // padding of the residual is zero
  }
  float mean = 0;
  if (norm.shift) {
    sum = warpSum(sum);
    if (threadIdx.x % 32 == 0) shared[0][threadIdx.x / 32] = sum;
    __syncthreads();
    sum = 0;
    for (int w = 0; w < normWarps; ++w) sum += shared[0][w];
    mean = sum / norm.width;
  }
  float squares = 0;
  for (int i = first; i < inputs; i += 4 * 32 * normWarps)
#pragma unroll
    for (int e = 0; e < 4; ++e)
      if (i + e < norm.width) squares += (raw[i + e] - mean) * (raw[i + e] - mean);
  squares = warpSum(squares);
  if (threadIdx.x % 32 == 0) shared[1][threadIdx.x / 32] = squares;
  __syncthreads();
  squares = 0;
  for (int w = 0; w < normWarps; ++w) squares += shared[1][w];
  const float multiplier = normMultiplier(norm, squares / norm.width);
  for (int i = first; i < inputs; i += 4 * 32 * normWarps)
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      float value = 0;
      if (i + e < norm.width) {
        value = (raw[i + e] - mean) * multiplier * norm.scale[i + e];
        if (norm.shift) value += norm.shift[i + e];
      }
      to[i + e] = fromFloat<T>(value);
    }
}

}  // namespace engine::cuda
