// Heads of any width, one query after the other: scores of some rows by the warps, then every thread sums the values of
// its channels. Sums have one order, whatever the batch.
#include "engine/cuda/wideheads.h"

#include "engine/cuda/heads.cuh"

namespace engine::cuda {
namespace {

constexpr int threads = 256;
constexpr int warps = threads / 32;
constexpr int chunk = 64;  // rows at once

// Scores of rows first, first + 1 ... become weights; returns what earlier sums are multiplied by. All threads take
// part.
struct Lags {  // row r lies r tokens back
  const float* taps;
  __device__ float weigh(float* scores, int first, int count) {
    if (static_cast<int>(threadIdx.x) < count) scores[threadIdx.x] *= taps[first + threadIdx.x];
    __syncthreads();
    return 1;
  }
  __device__ float divisor() const { return 1; }
};
struct Softmax {
  float scale;  // to powers of two
  float most = -INFINITY, total = 0;
  __device__ float weigh(float* scores, int, int count) {
    float next = most;
    for (int i = 0; i < count; ++i) next = fmaxf(next, scores[i]);
    __syncthreads();
    if (static_cast<int>(threadIdx.x) < count) scores[threadIdx.x] = exp2f((scores[threadIdx.x] - next) * scale);
    __syncthreads();
    const float old = most == -INFINITY ? 0 : exp2f((most - next) * scale);
    total *= old;
    for (int i = 0; i < count; ++i) total += scores[i];
    most = next;
    return old;
  }
  __device__ float divisor() const { return total; }
};

template <class T>
struct Row {
  const T *key, *value;
};

// out = sum over rows r < count of weight(query . key) value. memory: query [width], its sums [width], both shared.
template <class T, class Rows, class Weights>
__device__ inline void attend(int width, int count, const Rows& rows, Weights weights, float* memory, T* out) {
  __shared__ float scores[chunk];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const float* query = memory;
  float* sums = memory + width;  // each thread its own
  for (int j = threadIdx.x; j < width; j += threads) sums[j] = 0;
  __syncthreads();
  for (int first = 0; first < count; first += chunk) {
    const int some = min(chunk, count - first);
    for (int r = warp; r < some; r += warps) {
      const T* key = rows(first + r).key;
      float score = 0;
      for (int c = lane; c < width; c += 32) score = fmaf(query[c], toFloat(key[c]), score);
      score = warpSum(score);
      if (lane == 0) scores[r] = score;
    }
    __syncthreads();
    const float old = weights.weigh(scores, first, some);
    for (int j = threadIdx.x; j < width; j += threads) {
      float sum = sums[j] * old;
      for (int r = 0; r < some; ++r) sum = fmaf(scores[r], toFloat(rows(first + r).value[j]), sum);
      sums[j] = sum;
    }
    __syncthreads();
  }
  for (int j = threadIdx.x; j < width; j += threads) out[j] = fromFloat<T>(sums[j] / weights.divisor());
}

// Of the head's ring, the newest first.
template <class T>
__device__ inline auto ringRows(const T* cache, const HeadCacheView& z, int newest) {
  const int current = newest % z.ring, ring = z.ring, padded = z.paddedHeadWidth;
  return [=](int lag) {
    const T* row = cache + std::size_t(current - lag + (lag > current ? ring : 0)) * 2 * padded;
    return Row<T>{row, row + padded};
  };
}

template <class T>
__global__ __launch_bounds__(threads) void headStepKernel(MixerStep step, HeadsView h, HeadCacheView z) {
  extern __shared__ float memory[];
  letSuccessorStart();
  waitForPredecessor();
  const int head = blockIdx.x, sequence = blockIdx.y, position = step.control->position, size = h.headWidth;
  T* cache = static_cast<T*>(z.cache) + (std::size_t(sequence) * h.heads + head) * z.ring * 2 * z.paddedHeadWidth;
  T* row = cache + std::size_t(position % z.ring) * 2 * z.paddedHeadWidth;
  for (int c = threadIdx.x; c < size; c += threads) {
    float y[3];
    headInputs<T>(step, sequence, position, head * size + c, y);
    memory[c] = y[0];
    row[c] = fromFloat<T>(y[1]);
    row[z.paddedHeadWidth + c] = fromFloat<T>(y[2]);
  }
  __syncthreads();
  attend(size, min(position, z.lags - 1) + 1, ringRows<T>(cache, z, position),
         Lags{z.taps + std::size_t(head) * z.lags}, memory,
         static_cast<T*>(step.out) + std::size_t(sequence) * step.stride + head * size);
}

template <class T>
__global__ __launch_bounds__(threads) void headPromptKernel(MixerPrompt prompt, HeadsView h, HeadCacheView z) {
  extern __shared__ float memory[];
  letSuccessorStart();
  waitForPredecessor();
  const int t = blockIdx.x, head = blockIdx.y, sequence = prompt.firstSequence + blockIdx.z, size = h.headWidth;
  const int position = prompt.position + t;
  const std::size_t row0 = std::size_t(blockIdx.z) * prompt.tokens;
  const T* cache =
      static_cast<const T*>(z.cache) + (std::size_t(sequence) * h.heads + head) * z.ring * 2 * z.paddedHeadWidth;
  for (int c = threadIdx.x; c < size; c += threads)
    memory[c] = shortPrompt<T>(prompt, sequence, t, 0, head * size + c, row0);
  __syncthreads();
  attend(size, min(position, z.lags - 1) + 1, ringRows<T>(cache, z, position),
         Lags{z.taps + std::size_t(head) * z.lags}, memory,
         static_cast<T*>(prompt.out) + (row0 + t) * prompt.stride + head * size);
}

// The token at `position` of one sequence, whose streams are `stream`.
template <class T>
__device__ inline void attendTo(const AttentionView& v, const T* stream, int stride, int sequence, int head,
                                int position, bool keeps, float* memory, T* out) {
  const int width = v.headWidth, padded = v.paddedHeadWidth, shared = head / (v.heads / v.keyHeads);
  const std::size_t row0 = (std::size_t(sequence) * v.keyHeads + shared) * v.capacity;
  T* keys = static_cast<T*>(v.keys) + row0 * padded;
  T* values = static_cast<T*>(v.values) + row0 * padded;
  const T* newest = stream + stride + shared * width;
  for (int c = threadIdx.x; c < width; c += threads) {
    memory[c] = toFloat(stream[head * width + c]);
    if (!keeps) continue;  // several heads may keep the same new row: the same numbers
    keys[std::size_t(position) * padded + c] = newest[c];
    values[std::size_t(position) * padded + c] = newest[v.keyStride + c];
  }
  __syncthreads();
  const auto rows = [=](int r) { return Row<T>{keys + std::size_t(r) * padded, values + std::size_t(r) * padded}; };
  attend(width, position + 1, rows, Softmax{rsqrtf(static_cast<float>(width)) * 1.4426950408889634F}, memory,
         out + head * width);
}

template <class T>
__global__ __launch_bounds__(threads) void attentionStepKernel(MixerStep step, AttentionView v) {
  extern __shared__ float memory[];
  letSuccessorStart();
  waitForPredecessor();
  const std::size_t sequence = blockIdx.y;
  attendTo(v, static_cast<const T*>(step.streams) + sequence * (step.stride + 2 * v.keyStride), step.stride, blockIdx.y,
           blockIdx.x, step.control->position, true, memory, static_cast<T*>(step.out) + sequence * step.stride);
}

// Keys and values of a prompt's piece into the cache.
template <class T>
__global__ void appendKernel(MixerPrompt prompt, AttentionView v) {
  letSuccessorStart();
  waitForPredecessor();
  const int at = blockIdx.x * blockDim.x + threadIdx.x, t = blockIdx.y, head = at / v.headWidth, c = at % v.headWidth;
  if (head >= v.keyHeads) return;
  const std::size_t sequence = prompt.firstSequence + blockIdx.z, columns = prompt.stride + 2 * v.keyStride;
  const T* from = static_cast<const T*>(prompt.streams) + (std::size_t(blockIdx.z) * prompt.tokens + t) * columns +
                  prompt.stride + at;
  const std::size_t to = ((sequence * v.keyHeads + head) * v.capacity + prompt.position + t) * v.paddedHeadWidth + c;
  static_cast<T*>(v.keys)[to] = from[0];
  static_cast<T*>(v.values)[to] = from[v.keyStride];
}

template <class T>
__global__ __launch_bounds__(threads) void attentionPromptKernel(MixerPrompt prompt, AttentionView v) {
  extern __shared__ float memory[];
  letSuccessorStart();
  waitForPredecessor();
  const int t = blockIdx.x;
  const std::size_t row = std::size_t(blockIdx.z) * prompt.tokens + t;
  attendTo(v, static_cast<const T*>(prompt.streams) + row * (prompt.stride + 2 * v.keyStride), prompt.stride,
           prompt.firstSequence + static_cast<int>(blockIdx.z), blockIdx.y, prompt.position + t, false, memory,
           static_cast<T*>(prompt.out) + row * prompt.stride);
}

dim3 gridOf(const MixerPrompt& prompt, int heads) {
  return dim3(static_cast<unsigned>(prompt.tokens), static_cast<unsigned>(heads),
              static_cast<unsigned>(prompt.sequences));
}
std::size_t memoryOf(int headWidth) {
  return 2 * static_cast<std::size_t>(headWidth) * sizeof(float);
}

template <class T>
void promptAll(const MixerPrompt& prompt, const AttentionView& v, const Launch& where) {
  launch(appendKernel<T>,
         dim3(blocksFor(static_cast<std::size_t>(v.keyHeads) * v.headWidth, 128), static_cast<unsigned>(prompt.tokens),
              static_cast<unsigned>(prompt.sequences)),
         128, 0, where, prompt, v);
  launch(attentionPromptKernel<T>, gridOf(prompt, v.heads), threads, memoryOf(v.headWidth), where, prompt, v);
}

}  // namespace

void stepWideHeads(const MixerStep& step, const HeadsView& h, const HeadCacheView& z, Type type, const Launch& where) {
  const dim3 grid(static_cast<unsigned>(h.heads), static_cast<unsigned>(step.batch));
  type == Type::float32 ? launch(headStepKernel<float>, grid, threads, memoryOf(h.headWidth), where, step, h, z)
                        : launch(headStepKernel<Half>, grid, threads, memoryOf(h.headWidth), where, step, h, z);
}

void promptWideHeads(const MixerPrompt& prompt, const HeadsView& h, const HeadCacheView& z, Type type,
                     const Launch& where) {
  const dim3 grid = gridOf(prompt, h.heads);
  type == Type::float32 ? launch(headPromptKernel<float>, grid, threads, memoryOf(h.headWidth), where, prompt, h, z)
                        : launch(headPromptKernel<Half>, grid, threads, memoryOf(h.headWidth), where, prompt, h, z);
}

void stepWideAttention(const MixerStep& step, const AttentionView& v, Type type, const Launch& where) {
  const dim3 grid(static_cast<unsigned>(v.heads), static_cast<unsigned>(step.batch));
  type == Type::float32 ? launch(attentionStepKernel<float>, grid, threads, memoryOf(v.headWidth), where, step, v)
                        : launch(attentionStepKernel<Half>, grid, threads, memoryOf(v.headWidth), where, step, v);
}

void promptWideAttention(const MixerPrompt& prompt, const AttentionView& v, Type type, const Launch& where) {
  type == Type::float32 ? promptAll<float>(prompt, v, where) : promptAll<Half>(prompt, v, where);
}

}  // namespace engine::cuda
