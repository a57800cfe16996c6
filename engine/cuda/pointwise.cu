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

template <class T>
__global__ void normKernel(NormView norm, const float* residual, int first, int step, int stride, T* to) {
  __shared__ float shared[threads / 32];
  letSuccessorStart();
  waitForPredecessor();
  const float* from = residual + (std::size_t(first) + std::size_t(blockIdx.x) * step) * stride;
  to += std::size_t(blockIdx.x) * stride;
  // Rows of up to 4096 stay in registers between the passes.
  constexpr int most = 4;
  float4 values[most];
  float sum = 0;
#pragma unroll
  for (int s = 0; s < most; ++s) {
    const int i = 4 * (s * threads + static_cast<int>(threadIdx.x));
    values[s] = i < stride ? *reinterpret_cast<const float4*>(from + i) : make_float4(0, 0, 0, 0);
    sum += (values[s].x + values[s].y) + (values[s].z + values[s].w);  // padding of the residual is zero
  }
  const int beyond = 4 * most * threads;
  for (int i = beyond + static_cast<int>(threadIdx.x); i < norm.width; i += threads) sum += from[i];
  const float mean = norm.shift ? blockSum(sum, shared) / norm.width : 0.0F;
  float squares = 0;
#pragma unroll
  for (int s = 0; s < most; ++s) {
    const int i = 4 * (s * threads + static_cast<int>(threadIdx.x));
    const float own[4] = {values[s].x, values[s].y, values[s].z, values[s].w};
#pragma unroll
    for (int e = 0; e < 4; ++e)
      if (i + e < norm.width) squares += (own[e] - mean) * (own[e] - mean);
  }
  for (int i = beyond + static_cast<int>(threadIdx.x); i < norm.width; i += threads)
    squares += (from[i] - mean) * (from[i] - mean);
  const float multiplier = normMultiplier(norm, blockSum(squares, shared) / norm.width);
  const auto scaled = [&](float value, float scale, float shift, int i) {
    if (i >= norm.width) return 0.0F;
    value = (value - mean) * multiplier * scale;
    return norm.shift ? value + shift : value;
  };
#pragma unroll
  for (int s = 0; s < most; ++s) {
    const int i = 4 * (s * threads + static_cast<int>(threadIdx.x));
    if (i >= stride) continue;
    const float4 scale = *reinterpret_cast<const float4*>(norm.scale + i);  // as long as a row, padding included
    const float4 shift = norm.shift ? *reinterpret_cast<const float4*>(norm.shift + i) : make_float4(0, 0, 0, 0);
    storeFour(to + i, scaled(values[s].x, scale.x, shift.x, i), scaled(values[s].y, scale.y, shift.y, i + 1),
              scaled(values[s].z, scale.z, shift.z, i + 2), scaled(values[s].w, scale.w, shift.w, i + 3));
  }
  for (int i = beyond + static_cast<int>(threadIdx.x); i < stride; i += threads)
    to[i] = fromFloat<T>(i < norm.width ? scaled(from[i], norm.scale[i], norm.shift ? norm.shift[i] : 0.0F, i) : 0.0F);
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
    launch(normKernel<float>, rows, threads, 0, where, norm, residual, first, step, stride, static_cast<float*>(to));
  else
    launch(normKernel<Half>, rows, threads, 0, where, norm, residual, first, step, stride, static_cast<Half*>(to));
}

}  // namespace engine::cuda
