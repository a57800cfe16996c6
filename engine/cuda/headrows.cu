// What MultiHyena does with whole rows: the norms between mixer and output projection.
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
  const float inner = normMultiplier(f.inner, sum.x / width), outer = normMultiplier(f.outer, sum.y / width);
  for (int i = threadIdx.x; i < f.stride; i += threads) {
    to[i] = fromFloat<T>(i < width ? toFloat(mixed[i]) * inner * f.inner.scale[i] : 0.0F);
    if (i < width) residual[i] = fmaf(residual[i] * outer, f.outer.scale[i], residual[i]);
  }
}

}  // namespace

void finishHeads(const HeadFinish& finish, Type type, const Launch& where) {
  const dim3 rows(static_cast<unsigned>(finish.rows));
  if (type == Type::float32)
    launch(finishKernel<float>, rows, threads, 0, where, finish);
  else
    launch(finishKernel<Half>, rows, threads, 0, where, finish);
}

}  // namespace engine::cuda
