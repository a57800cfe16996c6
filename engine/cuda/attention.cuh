// Attention of one new token, in parts: what some rows of keys and values make of a query, and how parts are combined in
// a fixed order.
#pragma once

#include "engine/cuda/device.cuh"

namespace engine::cuda {

constexpr int attentionWarps = 4;  // that read rows

// Running softmax of one group of lanes over 8 dimensions per lane.
struct Running {
  float most = -INFINITY, total = 0, sums[8] = {};
};

__device__ inline void combine(Running& a, float most, float total, const float* sums, float scale) {
  // exp2 of differences; an empty part has most = -inf and total = 0.
  const float next = fmaxf(a.most, most);
  const float own = a.most == -INFINITY ? 0 : exp2f((a.most - next) * scale);
  const float other = most == -INFINITY ? 0 : exp2f((most - next) * scale);
  a.most = next;
  a.total = a.total * own + total * other;
#pragma unroll
  for (int e = 0; e < 8; ++e) a.sums[e] = a.sums[e] * own + sums[e] * other;
}

// Which head of which sequence a block of threads works for, and on which tokens: a split of those up to the new one.
template <class T, int Lanes>
struct AttentionPlace {
  static constexpr int groups = 32 / Lanes;  // rows of a warp
  int split, head, sequence, position, first, last, lane, warp, inside, group, dimension;
  bool used, storing;  // this lane has dimensions; the new token is in this split
  float scale;
  T *keys, *values;
  const T *query, *newest;

  __device__ AttentionPlace(const MixerStep& step, const AttentionView& v)
      : split(blockIdx.x), head(blockIdx.y), sequence(blockIdx.z), position(step.control->position) {
    lane = threadIdx.x % 32, warp = threadIdx.x / 32, inside = lane % Lanes, group = lane / Lanes, dimension = 8 * inside;
    used = dimension < v.paddedHeadWidth;
    scale = rsqrtf(static_cast<float>(v.headWidth)) * 1.4426950408889634F;
    constexpr int rows = attentionWarps * groups;
    int size = v.splitTokens;
    if (size == 0) size = (position / v.splits + 1 + rows - 1) / rows * rows;
    first = split * size, last = min(first + size, position + 1);
    storing = first <= position && position < last;
    const int shared = head / (v.heads / v.keyHeads);  // several heads may keep the same new row: the same numbers
    const std::size_t row0 = (std::size_t(sequence) * v.keyHeads + shared) * v.capacity;
    keys = static_cast<T*>(v.keys) + row0 * v.paddedHeadWidth;
    values = static_cast<T*>(v.values) + row0 * v.paddedHeadWidth;
    const T* stream = static_cast<const T*>(step.streams) + std::size_t(sequence) * (step.stride + 2 * v.keyStride);
    query = stream + head * v.headWidth;
    newest = stream + step.stride + shared * v.headWidth;
  }
  __device__ void loadQuery(const AttentionView& v, float (&q)[8]) const {
#pragma unroll
    for (int e = 0; e < 8; ++e) q[e] = dimension + e < v.headWidth ? toFloat(query[dimension + e]) : 0;
  }
};

template <int Lanes>
struct AttentionShared {
  static constexpr int together = 256 / Lanes;  // splits
  float most[attentionWarps], total[attentionWarps], sums[attentionWarps][Lanes * 8],
      splits[together * (Lanes * 8 + 2)];
  bool lastBlock;
};

// N rows more: in k and w keys and values of those that `there` says.
template <class T, int Lanes, int N>
__device__ inline void addRows(Running& running, const float (&q)[8], const Eight<T> (&k)[N], const Eight<T> (&w)[N],
                               const bool (&there)[N], float scale) {
  float scores[N], most = running.most;
#pragma unroll
  for (int a = 0; a < N; ++a) {
    float key[8];
    k[a].unpack(key);
    float score = 0;
#pragma unroll
    for (int e = 0; e < 8; ++e) score = fmaf(q[e], key[e], score);
#pragma unroll
    for (int offset = Lanes / 2; offset > 0; offset /= 2) score += __shfl_xor_sync(0xffffffffu, score, offset);
    scores[a] = there[a] ? score : -INFINITY;
    most = fmaxf(most, scores[a]);
  }
  if (most == -INFINITY) return;
  const float old = running.most == -INFINITY ? 0 : exp2f((running.most - most) * scale);
  running.most = most;
  running.total *= old;
#pragma unroll
  for (int e = 0; e < 8; ++e) running.sums[e] *= old;
#pragma unroll
  for (int a = 0; a < N; ++a) {
    const float p = scores[a] == -INFINITY ? 0 : exp2f((scores[a] - most) * scale);
    running.total += p;
    float value[8];
    w[a].unpack(value);
#pragma unroll
    for (int e = 0; e < 8; ++e) running.sums[e] = fmaf(p, value[e], running.sums[e]);
  }
}

// What the warps that read have, combined, and over the splits by the last of a head. By these warps alone, if others have
// returned.
template <class T, int Lanes>
__device__ inline void finishAttention(Running running, const AttentionPlace<T, Lanes>& p, const MixerStep& step,
                                       const AttentionView& v, AttentionShared<Lanes>& shared) {
  // Groups of a warp, then warps, in a fixed order.
#pragma unroll
  for (int offset = Lanes; offset < 32; offset *= 2) {
    const float most = __shfl_xor_sync(0xffffffffu, running.most, offset);
    const float total = __shfl_xor_sync(0xffffffffu, running.total, offset);
    float sums[8];
#pragma unroll
    for (int e = 0; e < 8; ++e) sums[e] = __shfl_xor_sync(0xffffffffu, running.sums[e], offset);
    // The lower group's part goes first in both partners, so that they agree to the bit.
    if (p.lane & offset) {
      Running other;
      other.most = most, other.total = total;
#pragma unroll
      for (int e = 0; e < 8; ++e) other.sums[e] = sums[e];
      combine(other, running.most, running.total, running.sums, p.scale);
      running = other;
    } else {
      combine(running, most, total, sums, p.scale);
    }
  }
  if (p.group == 0) {
    if (p.inside == 0) shared.most[p.warp] = running.most, shared.total[p.warp] = running.total;
#pragma unroll
    for (int e = 0; e < 8; ++e) shared.sums[p.warp][p.dimension + e] = running.sums[e];
  }
  __syncthreads();
  T* out = static_cast<T*>(step.out) + std::size_t(p.sequence) * step.stride + p.head * v.headWidth;
  const std::size_t at = std::size_t(p.sequence) * v.heads + p.head;
  float* partial = v.partial + at * v.splits * (v.paddedHeadWidth + 2);
  if (p.warp == 0 && p.group == 0) {
    for (int w = 1; w < attentionWarps; ++w)
      combine(running, shared.most[w], shared.total[w], &shared.sums[w][p.dimension], p.scale);
    if (v.splits == 1) {
#pragma unroll
      for (int e = 0; e < 8; ++e)
        if (p.dimension + e < v.headWidth) out[p.dimension + e] = fromFloat<T>(running.sums[e] / running.total);
    } else {
      float* mine = partial + std::size_t(p.split) * (v.paddedHeadWidth + 2);
      if (p.inside == 0) mine[0] = running.most, mine[1] = running.total;
      if (p.used)
#pragma unroll
        for (int e = 0; e < 8; ++e) mine[2 + p.dimension + e] = running.sums[e];
    }
  }
  if (v.splits == 1) return;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) shared.lastBlock = atomicAdd(v.arrived + at, 1) == v.splits - 1;
  __syncthreads();
  if (!shared.lastBlock) return;
  __threadfence();
  // All threads bring the splits together, or each would be waited for by itself.
  constexpr int together = AttentionShared<Lanes>::together;
  const int pitch = v.paddedHeadWidth + 2;
  Running all;
  for (int first = 0; first < v.splits; first += together) {
    const int count = min(together, v.splits - first);
    if (first > 0) __syncthreads();
    for (int i = threadIdx.x; i < count * pitch; i += 32 * attentionWarps)
      shared.splits[i] = __ldcg(partial + std::size_t(first) * pitch + i);
    __syncthreads();
    if (p.warp > 0 || p.group > 0) continue;
    for (int s = 0; s < count; ++s) {
      const float* other = shared.splits + s * pitch;
      float sums[8];
#pragma unroll
      for (int e = 0; e < 8; ++e) sums[e] = p.used ? other[2 + p.dimension + e] : 0;
      combine(all, other[0], other[1], sums, p.scale);
    }
  }
  if (p.warp == 0 && p.group == 0) {
#pragma unroll
    for (int e = 0; e < 8; ++e)
      if (p.dimension + e < v.headWidth) out[p.dimension + e] = fromFloat<T>(all.sums[e] / all.total);
    if (p.inside == 0) v.arrived[at] = 0;
  }
}

// For heads of at most 128 channels where `where` allows dependent launches (compute capability 9.0): keys and values
// come by bulk copies ahead of their use. False where it cannot.
template <class T>
bool stepAttentionAhead(const MixerStep&, const AttentionView&, const Launch& where);

}  // namespace engine::cuda
