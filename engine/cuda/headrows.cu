// What MultiHyena does with whole rows: the norm between mixer and output projection, the gate of its MLP.
#include "engine/cuda/heads.h"

#include "engine/cuda/device.cuh"

namespace engine::cuda {
namespace {

constexpr int threads = 256;

// Both norms at once: one meeting of the block. A channel is read and written by one thread, and nobody else needs its
// old value once the sums are there.
template <class T>
__global__ __launch_bounds__(threads) void finishKernel(HeadFinish f) {
  __shared__ float2 shared[threads / 32];
  letSuccessorStart();
  waitForPredecessor();
  const std::size_t row = std::size_t(blockIdx.x) * f.stride;
  const T* mixed = static_cast<const T*>(f.mixed) + row;
  float* residual = f.residual + row;
  T* to = static_cast<T*>(f.to) + row;
  const int width = f.inner.width;
  float2 squares = make_float2(0, 0);
  for (int i = threadIdx.x; i < width; i += threads) {
    const float x = toFloat(mixed[i]), y = residual[i];
    squares.x = fmaf(x, x, squares.x);
    squares.y = fmaf(y, y, squares.y);
  }
  squares = make_float2(warpSum(squares.x), warpSum(squares.y));
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = squares;
  __syncthreads();
  float2 sum = make_float2(0, 0);
#pragma unroll
  for (int w = 0; w < threads / 32; ++w) sum.x += shared[w].x, sum.y += shared[w].y;
  const float inner = rsqrtf(sum.x / width + f.inner.eps), outer = rsqrtf(sum.y / width + f.outer.eps);
  for (int i = threadIdx.x; i < f.stride; i += threads) {
    to[i] = fromFloat<T>(i < width ? toFloat(mixed[i]) * inner * f.inner.scale[i] : 0.0F);
    if (i < width) residual[i] = fmaf(residual[i] * outer, f.outer.scale[i], residual[i]);
  }
}

template <class T>
__global__ void gateKernel(const T* from, int width, T* to) {
  letSuccessorStart();
  waitForPredecessor();
  const int i = blockIdx.x * threads + threadIdx.x;
  if (i >= width) return;
  const T* row = from + std::size_t(blockIdx.y) * 2 * width;
  to[std::size_t(blockIdx.y) * width + i] = fromFloat<T>(toFloat(row[i]) / (1.0F + expf(-toFloat(row[width + i]))));
}

template <class T>
void gateAll(const void* from, int rows, int width, void* to, const Launch& where) {
  launch(gateKernel<T>, dim3(blocksFor(static_cast<std::size_t>(width), threads), static_cast<unsigned>(rows)), threads,
         0, where, static_cast<const T*>(from), width, static_cast<T*>(to));
}

}  // namespace

void finishHeads(const HeadFinish& finish, Type type, const Launch& where) {
  const dim3 rows(static_cast<unsigned>(finish.rows));
  if (type == Type::float32)
    launch(finishKernel<float>, rows, threads, 0, where, finish);
  else
    launch(finishKernel<Half>, rows, threads, 0, where, finish);
}

void gateRows(const void* from, int rows, int width, void* to, Type type, const Launch& where) {
  type == Type::float32 ? gateAll<float>(from, rows, width, to, where) : gateAll<Half>(from, rows, width, to, where);
}

}  // namespace engine::cuda
