// What stands between the layers of an MLP where the matrix kernels cannot take it along.
#include "engine/cuda/device.cuh"

namespace engine::cuda {
namespace {

constexpr int threads = 256;

__device__ inline float activated(Activation activation, float x) {
  switch (activation) {
    case Activation::geluTanh:
      return gelu(x);
    case Activation::geluErf:
      return x * 0.5F * erfcf(-0.70710678F * x);
    case Activation::silu:
      return x / (1.0F + expf(-x));
    case Activation::sigmoid:
      return 1.0F / (1.0F + expf(-x));
    case Activation::identity:
      break;
  }
  return x;
}

template <class T>
__global__ void activateKernel(const T* from, int width, Activation activation, bool gated, T* to) {
  letSuccessorStart();
  waitForPredecessor();
  const int i = blockIdx.x * threads + threadIdx.x;
  if (i >= width) return;
  const T* row = from + std::size_t(blockIdx.y) * (gated ? 2 : 1) * width;
  float value = toFloat(row[i]);
  if (!gated)
    value = activated(activation, value);
  else if (activation == Activation::sigmoid)
    value *= activated(activation, toFloat(row[width + i]));
  else
    value = activated(activation, value) * toFloat(row[width + i]);
  to[std::size_t(blockIdx.y) * width + i] = fromFloat<T>(value);
}

}  // namespace

void activateRows(const void* from, int rows, int width, Activation activation, bool gated, void* to, Type type,
                  const Launch& where) {
  const dim3 grid(blocksFor(static_cast<std::size_t>(width), threads), static_cast<unsigned>(rows));
  if (type == Type::float32)
    launch(activateKernel<float>, grid, threads, 0, where, static_cast<const float*>(from), width, activation, gated,
           static_cast<float*>(to));
  else
    launch(activateKernel<Half>, grid, threads, 0, where, static_cast<const Half*>(from), width, activation, gated,
           static_cast<Half*>(to));
}

}  // namespace engine::cuda
