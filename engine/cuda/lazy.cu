// The exact convolution: all past inputs are kept, and every token sums them (a step), or a prompt is convolved: bfloat16 on
// tensor cores, see toeplitz.h, else in register tiles of 16 x 16. Channels lie next to each other, so that warps read
// whole lines.
#include "engine/cuda/mixer.cuh"
#include "engine/cuda/toeplitz.h"

namespace engine::cuda {
namespace {

constexpr int warps = 8;
constexpr int threads = 32 * warps;
constexpr int channels = lazyChannels;  // of a block: two for each lane

// The model's channel whose taps and inputs lie in column c; -1: none.
__device__ inline int channelOf(const LazyView& z, int c) {
  if (c >= z.stride) return -1;
  return z.columns ? z.columns[c] : c;
}

// Lags are split among gridDim.z blocks where channels and sequences make too few; the last of them to come adds up.
template <class T, int Sequences>
__global__ __launch_bounds__(threads) void stepKernel(MixerStep step, LazyView z) {
  __shared__ float inputs[Sequences][channels], gates[Sequences][channels];
  __shared__ float parts[warps][Sequences][channels];
  __shared__ bool last;
  letSuccessorStart();
  waitForPredecessor();
  const int position = step.control->position;
  const int firstChannel = blockIdx.x * channels, firstSequence = blockIdx.y * Sequences;
  T* cache = static_cast<T*>(z.cache);
  const auto takeInputs = [&] {  // each thread for itself
    for (int i = threadIdx.x; i < Sequences * channels; i += threads) {
      const int s = i / channels, c = i % channels, sequence = firstSequence + s, column = firstChannel + c;
      const int channel = channelOf(z, column);
      float gate = 0, input = 0;
      if (sequence < step.batch && channel >= 0) {
        gateStep<T>(step, sequence, position, channel, gate, input);
        cache[(std::size_t(sequence) * z.ring + position % z.ring) * z.stride + column] = fromFloat<T>(input);
      }
      gates[s][c] = gate;
      inputs[s][c] = input;
    }
  };
  const bool alone = gridDim.z == 1;
  if (alone) takeInputs();

  // Lag 1 + warp, 9 + warp ...: the current input is not read back.
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, column = firstChannel + 2 * lane;
  const int lags = min(position, z.lags - 1), current = position % z.ring;  // lags < ring
  float2 sums[Sequences] = {};
  if (column < z.stride) {
#pragma unroll 4
    for (int lag = 1 + warp + warps * blockIdx.z; lag <= lags; lag += warps * gridDim.z) {
      const float2 tap = loadTwo(z.taps + std::size_t(lag) * z.stride + column);
      const int slot = current - lag + (lag > current ? z.ring : 0);
#pragma unroll
      for (int s = 0; s < Sequences; ++s) {
        const int sequence = min(firstSequence + s, step.batch - 1);
        const float2 u = loadTwo(cache + (std::size_t(sequence) * z.ring + slot) * z.stride + column);
        sums[s].x = fmaf(tap.x, u.x, sums[s].x);
        sums[s].y = fmaf(tap.y, u.y, sums[s].y);
      }
    }
  }
#pragma unroll
  for (int s = 0; s < Sequences; ++s) {
    parts[warp][s][2 * lane] = sums[s].x;
    parts[warp][s][2 * lane + 1] = sums[s].y;
  }
  __syncthreads();
  const auto sumOfWarps = [&](int i) {
    float sum = 0;
    for (int w = 0; w < warps; ++w) sum += parts[w][i / channels][i % channels];
    return sum;
  };
  const int block = blockIdx.y * gridDim.x + blockIdx.x;
  float* partial = z.partial + std::size_t(block) * gridDim.z * Sequences * channels;
  if (!alone) {
    for (int i = threadIdx.x; i < Sequences * channels; i += threads)
      partial[blockIdx.z * Sequences * channels + i] = sumOfWarps(i);
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) last = atomicAdd(z.arrived + block, 1) == static_cast<int>(gridDim.z) - 1;
    __syncthreads();
    if (!last) return;
    __threadfence();
    takeInputs();
    if (threadIdx.x == 0) z.arrived[block] = 0;
  }
  for (int i = threadIdx.x; i < Sequences * channels; i += threads) {
    const int s = i / channels, c = i % channels, sequence = firstSequence + s, own = firstChannel + c;
    const int channel = channelOf(z, own);
    if (sequence >= step.batch || channel < 0) continue;
    float sum = 0;
    if (alone)
      sum = sumOfWarps(i);
    else
      for (unsigned part = 0; part < gridDim.z; ++part) sum += __ldcg(partial + part * Sequences * channels + i);
    sum = fmaf(z.taps[own], inputs[s][c], sum);
    static_cast<T*>(step.out)[std::size_t(sequence) * step.stride + channel] = fromFloat<T>(gates[s][c] * sum);
  }
}

// Short filter and gate of a prompt, into the cache.
constexpr int appended = 8;  // tokens of a thread
template <class T>
__global__ void appendKernel(MixerPrompt prompt, LazyView z) {
  letSuccessorStart();
  waitForPredecessor();
  const int column = blockIdx.x * blockDim.x + threadIdx.x, t = blockIdx.y * appended;
  const int channel = channelOf(z, column);
  if (channel < 0) return;
  const int sequence = prompt.firstSequence + blockIdx.z;
  const std::size_t row0 = std::size_t(blockIdx.z) * prompt.tokens;
  float gates[appended], inputs[appended];
  shortPrompts<T>(prompt, sequence, t, prompt.tokens, 1, channel, row0, gates);
  shortPrompts<T>(prompt, sequence, t, prompt.tokens, 2, channel, row0, inputs);
  T* cache = static_cast<T*>(z.cache) + std::size_t(sequence) * z.ring * z.stride + column;
#pragma unroll
  for (int i = 0; i < appended; ++i)
    if (t + i < prompt.tokens)
      cache[std::size_t((prompt.position + t + i) % z.ring) * z.stride] = fromFloat<T>(gates[i] * inputs[i]);
}

constexpr int side = 16;       // outputs of a thread, and inputs it takes at once
constexpr int tileWarps = 4;

template <class T>
__global__ __launch_bounds__(32 * tileWarps) void convolveKernel(MixerPrompt prompt, LazyView z) {
  letSuccessorStart();
  waitForPredecessor();
  const int column = blockIdx.x * 32 + threadIdx.x % 32;
  const int t0 = (blockIdx.y * tileWarps + threadIdx.x / 32) * side;  // in the piece
  const int channel = channelOf(z, column);
  if (channel < 0 || t0 >= prompt.tokens) return;
  const int sequence = prompt.firstSequence + blockIdx.z;
  const std::size_t stride = z.stride;
  const T* cache = static_cast<const T*>(z.cache) + std::size_t(sequence) * z.ring * stride + column;
  const float* taps = z.taps + column;
  const int firstOut = prompt.position + t0, last = prompt.position + prompt.tokens;
  const auto tap = [&](int lag) { return lag >= 0 && lag < z.lags ? taps[lag * stride] : 0.0F; };
  float sums[side] = {};
  float window[2 * side - 1];  // taps of lag base - 15 ... base + 15, where base = firstOut - firstIn
#pragma unroll
  for (int i = 0; i < 2 * side - 1; ++i) window[i] = tap(i - (side - 1));
  for (int firstIn = firstOut; firstIn > -side && firstOut - firstIn < z.lags + side - 1; firstIn -= side) {
    const int slot = firstIn % z.ring;
#pragma unroll
    for (int j = 0; j < side; ++j) {
      const int at = firstIn + j, wrapped = slot + j < z.ring ? slot + j : slot + j - z.ring;
      const float u = at >= 0 && at < last ? toFloat(cache[wrapped * stride]) : 0.0F;
#pragma unroll
      for (int i = 0; i < side; ++i) sums[i] = fmaf(window[i - j + side - 1], u, sums[i]);
    }
    const int base = firstOut - firstIn + side;
#pragma unroll
    for (int i = 0; i < side - 1; ++i) window[i] = window[i + side];
#pragma unroll
    for (int i = side - 1; i < 2 * side - 1; ++i) window[i] = tap(base + i - (side - 1));
  }
  const std::size_t row0 = std::size_t(blockIdx.z) * prompt.tokens;
#pragma unroll
  for (int i = 0; i < side; ++i) {
    const int t = t0 + i;
    if (t >= prompt.tokens) break;
    const float gate = shortPrompt<T>(prompt, sequence, t, 0, channel, row0);
    static_cast<T*>(prompt.out)[(row0 + t) * prompt.stride + channel] = fromFloat<T>(gate * sums[i]);
  }
}

template <class T>
void stepAll(const MixerStep& step, const LazyView& z, const Launch& where) {
  const auto go = [&](auto kernel) {
    launch(kernel, dim3(blocksFor(z.stride, channels), blocksFor(step.batch, z.sequences), z.splits), threads, 0, where, step,
           z);
  };
  if (z.sequences == 1)
    go(stepKernel<T, 1>);
  else if (z.sequences == 2)
    go(stepKernel<T, 2>);
  else
    go(stepKernel<T, 4>);
}

template <class T>
void promptAll(const MixerPrompt& prompt, const LazyView& z, const Launch& where) {
  launch(appendKernel<T>, dim3(blocksFor(z.stride, 128), blocksFor(prompt.tokens, appended), prompt.sequences), 128, 0,
         where, prompt, z);
  if (std::is_same_v<T, Half> && promptToeplitz(prompt, z, where)) return;
  launch(convolveKernel<T>,
         dim3(blocksFor(z.stride, 32), blocksFor(prompt.tokens, side * tileWarps), prompt.sequences),
         32 * tileWarps, 0, where, prompt, z);
}

}  // namespace

void stepLazy(const MixerStep& step, const LazyView& z, Type type, const Launch& where) {
  type == Type::float32 ? stepAll<float>(step, z, where) : stepAll<Half>(step, z, where);
}

void promptLazy(const MixerPrompt& prompt, const LazyView& z, Type type, const Launch& where) {
  type == Type::float32 ? promptAll<float>(prompt, z, where) : promptAll<Half>(prompt, z, where);
}

}  // namespace engine::cuda
