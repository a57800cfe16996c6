// Linear layers for a handful of rows: bound by reading the weights once.
#include "engine/cuda/dot.cuh"
#include "engine/cuda/norm.cuh"

namespace engine::cuda {
namespace {

constexpr int warps = normWarps;
constexpr int threads = 32 * warps;

template <class T>
struct RowsOf {
  const T* first;
  std::size_t stride;
  __device__ const T* operator()(int i) const { return first + i * stride; }
};

// Rows: of x, at most 8. A block makes `share` neighbouring outputs; two blocks per multiprocessor share its registers.
// Staged: x, or its norm, in shared memory.
template <class T, int Rows, bool Normed, bool Staged>
__global__ __launch_bounds__(threads, 2) void productKernel(VectorProduct p, int share) {
  extern __shared__ __align__(16) unsigned char memory[];
  float* partial = reinterpret_cast<float*>(memory);
  T* staged = reinterpret_cast<T*>(partial + warps * share * Rows);
  letSuccessorStart();
  const int first = static_cast<int>(blockIdx.x) * share, outputs = min(share, p.outputs - first);
  const int firstRow = blockIdx.y * Rows, rows = min(Rows, p.rows - firstRow);
  const std::size_t inputs = p.inputs;
  const T* weights = static_cast<const T*>(p.weight) + std::size_t(first) * inputs;
  Dot<T, Rows, RowsOf<T>> dot(p.inputs, outputs, {weights, inputs});
  dot.begin();

  waitForPredecessor();
  const T* x = static_cast<const T*>(p.x) + std::size_t(firstRow) * inputs;
  if (Normed) {
    const float* residual = static_cast<const float*>(p.x) + std::size_t(firstRow) * inputs;
    if (Rows == 1)
      normByBlock(p.norm, residual, p.inputs, reinterpret_cast<float*>(staged) + inputs, staged);
    else
      for (int r = threadIdx.x / 32; r < rows; r += warps)
        normByWarp(p.norm, residual + r * inputs, p.inputs, staged + r * inputs);
  } else if (Staged) {
    constexpr int each = 16 / sizeof(T);
    for (std::size_t i = threadIdx.x * each; i < rows * inputs; i += threads * each)
      *reinterpret_cast<uint4*>(staged + i) = *reinterpret_cast<const uint4*>(x + i);
  }
  if (Staged) {
    __syncthreads();
    x = staged;
  }
  dot.run(x, rows, partial);
  __syncthreads();
  for (int i = threadIdx.x; i < outputs * Rows; i += threads) {
    const int o = i % outputs, r = i / outputs, output = first + o;
    if (r >= rows) continue;
    float sum = dotSum<Rows>(partial, outputs, o, r);
    const std::size_t at = std::size_t(firstRow + r) * p.outputs + output;
    if (p.finish == Finish::store || p.finish == Finish::gelu) {
      if (p.bias) sum += toFloat(static_cast<const T*>(p.bias)[output]);
      static_cast<T*>(p.y)[at] = fromFloat<T>(p.finish == Finish::gelu ? gelu(sum) : sum);
    } else {
      if (p.bias) sum += static_cast<const float*>(p.bias)[output];
      float* y = static_cast<float*>(p.y) + at;
      *y = p.finish == Finish::add ? *y + sum : sum;
    }
  }
}

constexpr int blocksWanted = 2 * 132;                 // two for each multiprocessor of the boards this is tuned for
constexpr int mostShare = 64;                         // more outputs come from more blocks
constexpr std::size_t mostStagedBytes = 64 * 1024;    // larger inputs are read through the first-level cache

template <class T, int Rows>
void launchProduct(const VectorProduct& p, const Launch& where) {
  constexpr int together = dotOutputs<Rows>();
  const int even = ((p.outputs + blocksWanted - 1) / blocksWanted + together - 1) / together * together;
  const int share = min(even, mostShare);
  const dim3 grid(blocksFor(static_cast<std::size_t>(p.outputs), static_cast<std::size_t>(share)),
                  blocksFor(static_cast<std::size_t>(p.rows), Rows));
  const std::size_t partial = std::size_t(warps) * share * Rows * sizeof(float);
  // A single row keeps its raw values behind the normed ones.
  const std::size_t rows = std::size_t(p.inputs) * (Rows == 1 && p.norm.scale ? 2 * sizeof(float) : Rows * sizeof(T));
  if (p.norm.scale)
    launch(productKernel<T, Rows, true, true>, grid, threads, partial + rows, where, p, share);
  else if (rows <= mostStagedBytes)
    launch(productKernel<T, Rows, false, true>, grid, threads, partial + rows, where, p, share);
  else
    launch(productKernel<T, Rows, false, false>, grid, threads, partial, where, p, share);
}

template <class T>
void product(const VectorProduct& p, const Launch& where) {
  if (p.rows == 1)
    launchProduct<T, 1>(p, where);
  else if (p.rows == 2)
    launchProduct<T, 2>(p, where);
  else if (p.rows <= 4)
    launchProduct<T, 4>(p, where);
  else
    launchProduct<T, 8>(p, where);
}

}  // namespace

void multiplyVectors(const VectorProduct& p, Type type, const Launch& where) {
  if (type == Type::float32)
    product<float>(p, where);
  else
    product<Half>(p, where);
}

}  // namespace engine::cuda
