// Weights on their way in, embedding, norms.
#include "engine/cuda/device.cuh"

namespace engine::cuda {
namespace {

constexpr int threads = 256;

template <class T>
__global__ void convertKernel(const float* from, int rows, int columns, T* to, int stride) {
  const std::size_t count = std::size_t(rows) * stride;
  for (std::size_t i = blockIdx.x * std::size_t(threads) + threadIdx.x; i < count;
       i += std::size_t(gridDim.x) * threads) {
    const std::size_t row = i / stride, column = i % stride;
    to[i] = fromFloat<T>(column < columns ? from[row * columns + column] : 0.0F);
  }
}

// Number `index` of engine/presets.cpp's Random that starts at `state`.
__device__ float splitMix(std::uint64_t state, std::uint64_t index) {
  std::uint64_t z = state + (index + 1) * 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return static_cast<float>(static_cast<std::int32_t>(z >> 32)) * 0x1p-31F;
}

template <class T>
__global__ void randomKernel(std::uint64_t seed, float scale, float centre, int rows, int columns, T* to, int stride) {
  const std::size_t count = std::size_t(rows) * stride;
  for (std::size_t i = blockIdx.x * std::size_t(threads) + threadIdx.x; i < count;
       i += std::size_t(gridDim.x) * threads) {
    const std::size_t row = i / stride, column = i % stride;
    // No fused multiply-add: the same bits as on the CPU.
    to[i] = fromFloat<T>(column < columns ? __fadd_rn(centre, __fmul_rn(scale, splitMix(seed, row * columns + column)))
                                          : 0.0F);
  }
}

// Tiles of 32 x 32 through shared memory: both sides in whole lines.
__global__ void transposeKernel(const float* reversed, const float* skip, int channels, int length, int lags, float* to,
                                int stride) {
  __shared__ float tile[32][33];
  const int lag0 = blockIdx.x * 32, channel0 = blockIdx.y * 32;
  for (int r = threadIdx.y; r < 32; r += 8) {
    const int channel = channel0 + r, lag = lag0 + threadIdx.x;
    float value = 0;
    if (channel < channels && lag < length) value = reversed[std::size_t(channel) * length + (length - 1 - lag)];
    if (channel < channels && lag == 0) value += skip[channel];
    tile[r][threadIdx.x] = value;
  }
  __syncthreads();
  for (int r = threadIdx.y; r < 32; r += 8) {
    const int lag = lag0 + r, channel = channel0 + threadIdx.x;
    if (lag < lags && channel < stride) to[std::size_t(lag) * stride + channel] = tile[threadIdx.x][r];
  }
}

// A warp for each output; sums in a fixed order.
__global__ void normProductsKernel(NormView norm, const Half* weight, int outputs, int inputs, float* to) {
  waitForPredecessor();
  const int output = (blockIdx.x * threads + threadIdx.x) / 32, lane = threadIdx.x % 32;
  if (output >= outputs) return;
  const Half* row = weight + std::size_t(output) * inputs;
  float ofScale = 0, ofShift = 0;
  for (int i = lane; i < norm.width; i += 32) {
    ofScale += toFloat(row[i]) * norm.scale[i];
    if (norm.shift) ofShift += toFloat(row[i]) * norm.shift[i];
  }
  ofScale = warpSum(ofScale), ofShift = warpSum(ofShift);
  if (lane == 0) to[output] = ofScale, to[outputs + output] = ofShift;
}

__device__ float blockSum(float x, float* shared) {
  x = warpSum(x);
  __syncthreads();
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = x;
  __syncthreads();
  float sum = 0;
#pragma unroll
  for (int w = 0; w < threads / 32; ++w) sum += shared[w];
  return sum;
}

template <class T>
__global__ void embedKernel(Embedding e, float* residual) {
  __shared__ float shared[threads / 32];
  waitForPredecessor();
  letSuccessorStart();
  const int row = blockIdx.x;
  const T* from = static_cast<const T*>(e.table) + std::size_t(e.tokens[row]) * e.stride;
  const int position = e.control ? e.control->position : e.position + row % e.tokensPerRow;
  const float* shift = e.positions ? e.positions + std::size_t(position) * e.stride : nullptr;
  float* to = residual + std::size_t(row) * e.stride;
  float sum = 0;
  for (int i = threadIdx.x; i < e.stride; i += threads) {
    const float value = toFloat(from[i]) + (shift ? shift[i] : 0.0F);
    to[i] = value;
    sum += value;  // padding is zero
  }
  const CarriedNorm& next = e.carried;
  if (!next.norm.scale) return;
  const float centre = next.norm.shift ? blockSum(sum, shared) / next.norm.width : 0.0F;
  float squares = 0;
  sum = 0;
  for (int i = threadIdx.x; i < e.stride; i += threads) {
    const float value = i < next.norm.width ? to[i] - centre : 0.0F;
    static_cast<Half*>(next.scaled)[std::size_t(row) * e.stride + i] = fromFloat<Half>(value * next.norm.scale[i]);
    sum += value;
    squares += value * value;
  }
  sum = blockSum(sum, shared);
  squares = blockSum(squares, shared);
  if (threadIdx.x == 0) next.sums[row * carriedPitch(next)] = make_float2(sum, squares), next.centre[row] = centre;
}

__device__ inline void storeFour(float* to, float a, float b, float c, float d) {
  *reinterpret_cast<float4*>(to) = make_float4(a, b, c, d);
}
__device__ inline void storeFour(Half* to, float a, float b, float c, float d) {
  const __nv_bfloat162 low(fromFloat<Half>(a), fromFloat<Half>(b)), high(fromFloat<Half>(c), fromFloat<Half>(d));
  uint2 both;
  both.x = *reinterpret_cast<const unsigned*>(&low);
  both.y = *reinterpret_cast<const unsigned*>(&high);
  *reinterpret_cast<uint2*>(to) = both;
}

// A row by each block of threads. Its first 4 * Threads * Vectors channels stay in registers, others are read again.
template <class T, int Threads, int Vectors>
__global__ __launch_bounds__(Threads) void normKernel(NormView norm, const float* residual, int first, int step,
                                                      int stride, T* to) {
  constexpr int warps = Threads / 32, sweep = 4 * Threads, kept = Vectors * sweep;
  struct Part {
    float sum, mean, squares, count;  // of the channels of a warp; the squares of x - mean
  };
  __shared__ Part parts[warps];
  letSuccessorStart();
  const int own = 4 * static_cast<int>(threadIdx.x), lane = threadIdx.x % 32;
  const auto load = [&](const float* vector, int i) {  // every one is as long as a row, padding included
    return vector && i < stride ? *reinterpret_cast<const float4*>(vector + i) : make_float4(0, 0, 0, 0);
  };
  float4 scale[Vectors], shift[Vectors], values[Vectors];
#pragma unroll
  for (int v = 0; v < Vectors; ++v)
    scale[v] = load(norm.scale, v * sweep + own), shift[v] = load(norm.shift, v * sweep + own);

  waitForPredecessor();
  const float* from = residual + (std::size_t(first) + std::size_t(blockIdx.x) * step) * stride;
  to += std::size_t(blockIdx.x) * stride;
  float sum = 0;
  const auto add = [&](float4 x) { sum += (x.x + x.y) + (x.z + x.w); };  // padding of the residual is zero
#pragma unroll
  for (int v = 0; v < Vectors; ++v) values[v] = load(from, v * sweep + own);
#pragma unroll
  for (int v = 0; v < Vectors; ++v) add(values[v]);
  for (int i = kept + own; i < stride; i += sweep) add(load(from, i));
  // Each warp about its own mean, so that all meet once; Chan, Golub and LeVeque's sum of theirs loses nothing.
  sum = warpSum(sum);
  int count = 0;
  for (int i = own - 4 * lane; i < norm.width; i += sweep) count += min(norm.width - i, 4 * 32);
  const float centre = count > 0 && norm.shift ? sum / count : 0.0F;
  float squares = 0;
  const auto addSquares = [&](float4 x, int i) {
    const float each[4] = {x.x, x.y, x.z, x.w};
#pragma unroll
    for (int e = 0; e < 4; ++e)
      if (i + e < norm.width) squares += (each[e] - centre) * (each[e] - centre);
  };
#pragma unroll
  for (int v = 0; v < Vectors; ++v) addSquares(values[v], v * sweep + own);
  for (int i = kept + own; i < norm.width; i += sweep) addSquares(load(from, i), i);
  squares = warpSum(squares);
  if (lane == 0) parts[threadIdx.x / 32] = {sum, centre, squares, static_cast<float>(count)};
  __syncthreads();
  float mean = 0, all = 0;
  if (norm.shift) {
#pragma unroll
    for (int w = 0; w < warps; ++w) mean += parts[w].sum;
    mean /= norm.width;
  }
#pragma unroll
  for (int w = 0; w < warps; ++w) {
    const Part part = parts[w];
    all += part.squares + part.count * ((part.mean - mean) * (part.mean - mean));
  }
  const float multiplier = normMultiplier(norm, all / norm.width);
  const auto store = [&](int i, float4 x, float4 a, float4 b) {
    const auto normed = [&](float value, float by, float plus, int at) {
      return at < norm.width ? fmaf((value - mean) * multiplier, by, plus) : 0.0F;
    };
    if (i < stride)
      storeFour(to + i, normed(x.x, a.x, b.x, i), normed(x.y, a.y, b.y, i + 1), normed(x.z, a.z, b.z, i + 2),
                normed(x.w, a.w, b.w, i + 3));
  };
#pragma unroll
  for (int v = 0; v < Vectors; ++v) store(v * sweep + own, values[v], scale[v], shift[v]);
  for (int i = kept + own; i < stride; i += sweep) store(i, load(from, i), load(norm.scale, i), load(norm.shift, i));
}

template <class T>
void launchNorm(const NormView& norm, const float* residual, int rows, int first, int step, int stride, void* to,
                const Launch& where) {
  const auto by = [&](auto kernel, int blockThreads) {
    launch(kernel, rows, blockThreads, 0, where, norm, residual, first, step, stride, static_cast<T*>(to));
  };
  if (stride <= 512)
    by(normKernel<T, 128, 1>, 128);
  else if (stride <= 1024)
    by(normKernel<T, 128, 2>, 128);
  else if (stride <= 2048)
    by(normKernel<T, 128, 4>, 128);
  else
    by(normKernel<T, 256, 4>, 256);
}

}  // namespace

void convertRows(const float* from, int rows, int columns, void* to, int stride, Type type, const Launch& where) {
  const dim3 grid(min(4096u, blocksFor(std::size_t(rows) * stride, threads)));
  if (type == Type::float32)
    launch(convertKernel<float>, grid, threads, 0, where, from, rows, columns, static_cast<float*>(to), stride);
  else
    launch(convertKernel<Half>, grid, threads, 0, where, from, rows, columns, static_cast<Half*>(to), stride);
}

void randomRows(std::uint64_t seed, float scale, float centre, int rows, int columns, void* to, int stride, Type type,
                const Launch& where) {
  const dim3 grid(min(8192u, blocksFor(std::size_t(rows) * stride, threads)));
  if (type == Type::float32)
    launch(randomKernel<float>, grid, threads, 0, where, seed, scale, centre, rows, columns, static_cast<float*>(to),
           stride);
  else
    launch(randomKernel<Half>, grid, threads, 0, where, seed, scale, centre, rows, columns, static_cast<Half*>(to),
           stride);
}

void transposeTaps(const float* reversed, const float* skip, int channels, int length, int lags, float* to, int stride,
                   const Launch& where) {
  launch(transposeKernel, dim3(blocksFor(lags, 32), blocksFor(stride, 32)), dim3(32, 8), 0, where, reversed, skip,
         channels, length, lags, to, stride);
}

void multiplyNorm(const NormView& norm, const void* weight, int outputs, int inputs, float* to, const Launch& where) {
  launch(normProductsKernel, blocksFor(static_cast<std::size_t>(outputs), threads / 32), threads, 0, where, norm,
         static_cast<const Half*>(weight), outputs, inputs, to);
}

void embed(const Embedding& embedding, Type type, float* residual, const Launch& where) {
  if (type == Type::float32)
    launch(embedKernel<float>, embedding.rows, threads, 0, where, embedding, residual);
  else
    launch(embedKernel<Half>, embedding.rows, threads, 0, where, embedding, residual);
}

void normalizeRows(const NormView& norm, const float* residual, int rows, int first, int step, int stride, Type type,
                   void* to, const Launch& where) {
  if (type == Type::float32)
    launchNorm<float>(norm, residual, rows, first, step, stride, to, where);
  else
    launchNorm<Half>(norm, residual, rows, first, step, stride, to, where);
}

}  // namespace engine::cuda
