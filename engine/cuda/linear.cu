// Linear layers for a handful of rows: bound by reading the weights once. A warp makes one or two outputs; weights are
// on their way before the predecessor has ended. Each output is summed in an order that depends on neither the number
// of rows nor the grid.
#include "engine/cuda/norm.cuh"

namespace engine::cuda {
namespace {

constexpr int warps = normWarps;
constexpr int threads = 32 * warps;

__device__ inline float gelu(float x) {
  return x / (1.0F + expf(-1.5957691216F * (x + 0.044715F * x * x * x)));
}

// Rows: of x, at most 8. Outputs: per warp. A lane has 8 inputs of each chunk of 256.
template <class T, int Rows, int Outputs, bool Normed>
__global__ __launch_bounds__(threads, Rows <= 2 ? 4 : 2) void productKernel(VectorProduct p) {
  constexpr int depth = 4 / Outputs;  // chunks loaded ahead
  extern __shared__ __align__(16) unsigned char memory[];
  T* normed = reinterpret_cast<T*>(memory);
  letSuccessorStart();
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int firstOutput = (static_cast<int>(blockIdx.x) * warps + warp) * Outputs, firstRow = blockIdx.y * Rows;
  const int rows = min(Rows, p.rows - firstRow);
  const std::size_t inputs = p.inputs;
  const T* weight[Outputs];
#pragma unroll
  for (int o = 0; o < Outputs; ++o)
    weight[o] = static_cast<const T*>(p.weight) + std::size_t(min(firstOutput + o, p.outputs - 1)) * inputs + 8 * lane;
  Eight<T> ahead[depth][Outputs];
  const auto fetch = [&](int k, Eight<T>(&to)[Outputs]) {
#pragma unroll
    for (int o = 0; o < Outputs; ++o) {
      if (k + 8 * lane < p.inputs)
        to[o].stream(weight[o] + k);
      else
        to[o].clear();
    }
  };
#pragma unroll
  for (int d = 0; d < depth; ++d) fetch(256 * d, ahead[d]);

  waitForPredecessor();
  const T* x = static_cast<const T*>(p.x) + std::size_t(firstRow) * inputs;
  if (Normed) {
    const float* residual = static_cast<const float*>(p.x) + std::size_t(firstRow) * inputs;
    if (Rows == 1)
      normByBlock(p.norm, residual, p.inputs, reinterpret_cast<float*>(memory) + inputs, normed);
    else
      for (int r = warp; r < rows; r += warps)
        normByWarp(p.norm, residual + r * inputs, p.inputs, normed + r * inputs);
    __syncthreads();
    x = normed;
  }

  float sums[Outputs][Rows] = {};
  for (int k0 = 0; k0 < p.inputs; k0 += 256 * depth) {
#pragma unroll
    for (int d = 0; d < depth; ++d) {
      const int k = k0 + 256 * d;
      float w[Outputs][8];
#pragma unroll
      for (int o = 0; o < Outputs; ++o) ahead[d][o].unpack(w[o]);
      fetch(k + 256 * depth, ahead[d]);
      if (k + 8 * lane < p.inputs) {
#pragma unroll
        for (int r = 0; r < Rows; ++r) {
          if (Rows > 1 && r >= rows) break;
          Eight<T> in;
          in.load(x + r * inputs + k + 8 * lane);
          float values[8];
          in.unpack(values);
#pragma unroll
          for (int o = 0; o < Outputs; ++o)
#pragma unroll
            for (int e = 0; e < 8; ++e) sums[o][r] = fmaf(w[o][e], values[e], sums[o][r]);
        }
      }
    }
  }

#pragma unroll
  for (int o = 0; o < Outputs; ++o) {
    const int output = firstOutput + o;
    float mine = 0;
#pragma unroll
    for (int r = 0; r < Rows; ++r) {
      const float sum = warpSum(sums[o][r]);
      if (lane == r) mine = sum;
    }
    if (lane >= rows || output >= p.outputs) continue;
    const std::size_t at = std::size_t(firstRow + lane) * p.outputs + output;
    if (p.finish == Finish::store || p.finish == Finish::gelu) {
      if (p.bias) mine += toFloat(static_cast<const T*>(p.bias)[output]);
      static_cast<T*>(p.y)[at] = fromFloat<T>(p.finish == Finish::gelu ? gelu(mine) : mine);
    } else {
      if (p.bias) mine += static_cast<const float*>(p.bias)[output];
      float* y = static_cast<float*>(p.y) + at;
      *y = p.finish == Finish::add ? *y + mine : mine;
    }
  }
}

template <class T, int Rows, int Outputs>
void launchProduct(const VectorProduct& p, const Launch& where) {
  const dim3 grid(blocksFor(static_cast<std::size_t>(p.outputs), warps * Outputs),
                  blocksFor(static_cast<std::size_t>(p.rows), Rows));
  // A single row keeps its raw values behind the normed ones.
  const std::size_t shared = std::size_t(p.inputs) * (Rows == 1 ? 2 * sizeof(float) : Rows * sizeof(T));
  if (p.norm.scale)
    launch(productKernel<T, Rows, Outputs, true>, grid, threads, shared, where, p);
  else
    launch(productKernel<T, Rows, Outputs, false>, grid, threads, 0, where, p);
}

template <class T>
void product(const VectorProduct& p, const Launch& where) {
  // Two outputs per warp share the reading of x; one keeps more warps busy where outputs are few.
  const bool two = p.outputs > 4096;
  if (p.rows == 1)
    two ? launchProduct<T, 1, 2>(p, where) : launchProduct<T, 1, 1>(p, where);
  else if (p.rows == 2)
    two ? launchProduct<T, 2, 2>(p, where) : launchProduct<T, 2, 1>(p, where);
  else if (p.rows <= 4)
    two ? launchProduct<T, 4, 2>(p, where) : launchProduct<T, 4, 1>(p, where);
  else
    two ? launchProduct<T, 8, 2>(p, where) : launchProduct<T, 8, 1>(p, where);
}

}  // namespace

void multiplyVectors(const VectorProduct& p, Type type, const Launch& where) {
  if (type == Type::float32)
    product<float>(p, where);
  else
    product<Half>(p, where);
}

}  // namespace engine::cuda
