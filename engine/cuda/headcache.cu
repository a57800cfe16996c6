// The exact convolution of MultiHyena's heads: keys and values of all past tokens are kept, and weighed by taps and
// scores, y_t = sum_s h[t-s] (q_t . k_s) v_s. A step reads whole rows of the cache, 16 bytes per lane; in a prompt a
// thread, or a few neighbours, have one query.
#include "engine/cuda/heads.cuh"
#include "engine/cuda/wideheads.h"

namespace engine::cuda {
namespace {

constexpr int warps = 4;
constexpr int threads = 32 * warps;
constexpr int ahead = 4;  // rows that each group of lanes loads at once

// Lanes: that share a row, 8 entries each.
template <class T, int Lanes>
__global__ __launch_bounds__(threads) void stepKernel(MixerStep step, HeadsView h, HeadCacheView z) {
  extern __shared__ float rows[];  // q, k, v, each [padded head width]
  __shared__ float parts[warps][8 * Lanes];
  constexpr int groups = 32 / Lanes;  // rows of a warp
  letSuccessorStart();
  waitForPredecessor();
  const int head = blockIdx.x, sequence = blockIdx.y, position = step.control->position;
  const int size = h.headWidth, padded = z.paddedHeadWidth, current = position % z.ring;
  T* cache = static_cast<T*>(z.cache) + (std::size_t(sequence) * h.heads + head) * z.ring * 2 * padded;
  for (int c = threadIdx.x; c < padded; c += threads) {
    float y[3] = {};
    if (c < size) headInputs<T>(step, sequence, position, head * size + c, y);
    rows[c] = y[0], rows[padded + c] = y[1], rows[2 * padded + c] = y[2];
    cache[std::size_t(current) * 2 * padded + c] = fromFloat<T>(y[1]);
    cache[std::size_t(current) * 2 * padded + padded + c] = fromFloat<T>(y[2]);
  }
  __syncthreads();

  // From lag 1 on: the newest row is not read back.
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, inside = lane % Lanes, group = lane / Lanes;
  const int dimension = 8 * inside, lags = min(position, z.lags - 1);  // lags < ring
  const bool used = dimension < padded;
  const float* taps = z.taps + std::size_t(head) * z.lags;
  float q[8], sums[8] = {};
#pragma unroll
  for (int e = 0; e < 8; ++e) q[e] = used ? rows[dimension + e] : 0;
  for (int base = 1 + warp * groups; base <= lags; base += ahead * warps * groups) {
    Eight<T> k[ahead], v[ahead];
#pragma unroll
    for (int a = 0; a < ahead; ++a) {
      const int lag = base + group + a * warps * groups;
      if (lag <= lags && used) {
        const T* row = cache + std::size_t(current - lag + (lag > current ? z.ring : 0)) * 2 * padded + dimension;
        k[a].load(row);
        v[a].load(row + padded);
      } else {
        k[a].clear();
        v[a].clear();
      }
    }
#pragma unroll
    for (int a = 0; a < ahead; ++a) {
      const int lag = base + group + a * warps * groups;
      float key[8], value[8], score = 0;
      k[a].unpack(key);
      v[a].unpack(value);
#pragma unroll
      for (int e = 0; e < 8; ++e) score = fmaf(q[e], key[e], score);
#pragma unroll
      for (int offset = Lanes / 2; offset > 0; offset /= 2) score += __shfl_xor_sync(0xffffffffu, score, offset);
      score *= lag <= lags ? taps[lag] : 0.0F;
#pragma unroll
      for (int e = 0; e < 8; ++e) sums[e] = fmaf(score, value[e], sums[e]);
    }
  }
#pragma unroll
  for (int e = 0; e < 8; ++e) {
#pragma unroll
    for (int offset = Lanes; offset < 32; offset *= 2) sums[e] += __shfl_xor_sync(0xffffffffu, sums[e], offset);
    if (group == 0) parts[warp][dimension + e] = sums[e];
  }
  __syncthreads();
  for (int c = threadIdx.x; c < size; c += threads) {
    float score = 0;
    for (int i = 0; i < size; ++i) score = fmaf(rows[i], rows[padded + i], score);
    const float past = (parts[0][c] + parts[1][c]) + (parts[2][c] + parts[3][c]);
    static_cast<T*>(step.out)[std::size_t(sequence) * step.stride + head * size + c] =
        fromFloat<T>(fmaf(taps[0] * score, rows[2 * padded + c], past));
  }
}

// Keys and values of a prompt into the cache.
template <class T>
__global__ void appendKernel(MixerPrompt prompt, HeadsView h, HeadCacheView z) {
  letSuccessorStart();
  waitForPredecessor();
  const int at = blockIdx.x * blockDim.x + threadIdx.x, t = blockIdx.y;
  const int padded = z.paddedHeadWidth, head = at / padded, c = at % padded;
  if (head >= h.heads) return;
  const int sequence = prompt.firstSequence + blockIdx.z;
  const std::size_t row0 = std::size_t(blockIdx.z) * prompt.tokens;
  const std::size_t row =
      (std::size_t(sequence) * h.heads + head) * z.ring + static_cast<std::size_t>((prompt.position + t) % z.ring);
  T* to = static_cast<T*>(z.cache) + row * 2 * padded + c;
  for (int stream = 1; stream <= 2; ++stream, to += padded)
    *to = c < h.headWidth ? fromFloat<T>(shortPrompt<T>(prompt, sequence, t, stream, head * h.headWidth + c, row0))
                          : fromFloat<T>(0);
}

// Each: entries of a query that one thread has; Lanes neighbours have a query.
template <class T, int Each, int Lanes>
__global__ __launch_bounds__(threads) void weighKernel(MixerPrompt prompt, HeadsView h, HeadCacheView z) {
  constexpr int queries = threads / Lanes, width = Each * Lanes, keys = width <= 32 ? 64 : 16;
  __shared__ __align__(16) float keyRows[keys][width], valueRows[keys][width];
  __shared__ float taps[queries + keys];
  letSuccessorStart();
  waitForPredecessor();
  // The longest rows first: they decide when the kernel ends.
  const int t0 = static_cast<int>(gridDim.x - 1 - blockIdx.x) * queries, head = blockIdx.y;
  const int sequence = prompt.firstSequence + blockIdx.z, size = h.headWidth, padded = z.paddedHeadWidth;
  const std::size_t row0 = std::size_t(blockIdx.z) * prompt.tokens;
  const T* cache = static_cast<const T*>(z.cache) + (std::size_t(sequence) * h.heads + head) * z.ring * 2 * padded;
  const int own = threadIdx.x / Lanes, inside = threadIdx.x % Lanes, t = t0 + own;
  const auto entryOf = [&](int e) { return (e / 4 * Lanes + inside) * 4 + e % 4; };
  float q[Each], y[Each];
#pragma unroll
  for (int e = 0; e < Each; ++e) {
    y[e] = q[e] = 0;
    if (t < prompt.tokens && entryOf(e) < size)
      q[e] = shortPrompt<T>(prompt, sequence, t, 0, head * size + entryOf(e), row0);
  }
  const int firstKey = max(0, prompt.position + t0 - (z.lags - 1));
  const int endKey = prompt.position + min(t0 + queries, prompt.tokens);
  for (int s0 = firstKey; s0 < endKey; s0 += keys) {
    __syncthreads();
    for (int i = threadIdx.x; i < keys * width; i += threads) {
      const int row = i / width, c = i % width, s = s0 + row;
      const bool there = s < endKey && c < padded;
      const T* from = cache + std::size_t(s % z.ring) * 2 * padded + c;
      keyRows[row][c] = there ? toFloat(from[0]) : 0.0F;
      valueRows[row][c] = there ? toFloat(from[padded]) : 0.0F;
    }
    const int base = prompt.position + t0 - s0 - (keys - 1);  // lag of the first query and the last key
    for (int i = threadIdx.x; i < queries + keys; i += threads) {
      const int lag = base + i;
      taps[i] = lag >= 0 && lag < z.lags ? z.taps[std::size_t(head) * z.lags + lag] : 0.0F;
    }
    __syncthreads();
#pragma unroll 2
    for (int row = 0; row < keys; ++row) {
      float score = 0;
#pragma unroll
      for (int e = 0; e < Each; e += 4) {
        const float4 k = *reinterpret_cast<const float4*>(&keyRows[row][entryOf(e)]);
        score = fmaf(q[e], k.x, fmaf(q[e + 1], k.y, fmaf(q[e + 2], k.z, fmaf(q[e + 3], k.w, score))));
      }
#pragma unroll
      for (int offset = Lanes / 2; offset > 0; offset /= 2) score += __shfl_xor_sync(0xffffffffu, score, offset);
      score *= taps[own + keys - 1 - row];
#pragma unroll
      for (int e = 0; e < Each; e += 4) {
        const float4 v = *reinterpret_cast<const float4*>(&valueRows[row][entryOf(e)]);
        y[e] = fmaf(score, v.x, y[e]), y[e + 1] = fmaf(score, v.y, y[e + 1]);
        y[e + 2] = fmaf(score, v.z, y[e + 2]), y[e + 3] = fmaf(score, v.w, y[e + 3]);
      }
    }
  }
  if (t >= prompt.tokens) return;
  T* to = static_cast<T*>(prompt.out) + (row0 + t) * prompt.stride + head * size;
#pragma unroll
  for (int e = 0; e < Each; ++e)
    if (entryOf(e) < size) to[entryOf(e)] = fromFloat<T>(y[e]);
}

template <class T>
void stepAll(const MixerStep& step, const HeadsView& h, const HeadCacheView& z, const Launch& where) {
  const dim3 grid(static_cast<unsigned>(h.heads), static_cast<unsigned>(step.batch));
  byLanes<1>(z.paddedHeadWidth, [&](auto lanes) {
    launch(stepKernel<T, decltype(lanes)::value>, grid, threads, std::size_t(3) * z.paddedHeadWidth * sizeof(float), where,
           step, h, z);
  });
}

template <class T>
void promptAll(const MixerPrompt& prompt, const HeadsView& h, const HeadCacheView& z, const Launch& where) {
  launch(appendKernel<T>,
         dim3(blocksFor(std::size_t(h.heads) * z.paddedHeadWidth, 128), static_cast<unsigned>(prompt.tokens),
              static_cast<unsigned>(prompt.sequences)),
         128, 0, where, prompt, h, z);
  const auto go = [&](auto kernel, int lanes) {
    launch(kernel,
           dim3(blocksFor(static_cast<std::size_t>(prompt.tokens), threads / lanes), static_cast<unsigned>(h.heads),
                static_cast<unsigned>(prompt.sequences)),
           threads, 0, where, prompt, h, z);
  };
  if (h.headWidth > narrowHead)
    promptWideHeads(prompt, h, z, std::is_same_v<T, float> ? Type::float32 : Type::bfloat16, where);
  else if (h.headWidth <= 8)
    go(weighKernel<T, 8, 1>, 1);
  else if (h.headWidth <= 16)
    go(weighKernel<T, 16, 1>, 1);
  else if (h.headWidth <= 32)
    go(weighKernel<T, 32, 1>, 1);
  else if (h.headWidth <= 64)
    go(weighKernel<T, 32, 2>, 2);
  else if (h.headWidth <= 128)
    go(weighKernel<T, 32, 4>, 4);
  else
    go(weighKernel<T, 32, 8>, 8);
}

}  // namespace

void stepHeadCache(const MixerStep& step, const HeadsView& h, const HeadCacheView& z, Type type, const Launch& where) {
  if (h.headWidth > narrowHead) return stepWideHeads(step, h, z, type, where);
  type == Type::float32 ? stepAll<float>(step, h, z, where) : stepAll<Half>(step, h, z, where);
}

void promptHeadCache(const MixerPrompt& prompt, const HeadsView& h, const HeadCacheView& z, Type type,
                     const Launch& where) {
  type == Type::float32 ? promptAll<float>(prompt, h, z, where) : promptAll<Half>(prompt, h, z, where);
}

}  // namespace engine::cuda
