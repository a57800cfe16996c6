// Attention of one new token to the cached keys and values: bound by reading the cache once. A warp reads whole rows of
// keys and values, 16 bytes per lane; long caches are split among blocks, and the last block of a head combines them in
// a fixed order.
#include "engine/cuda/device.cuh"

namespace engine::cuda {
namespace {

constexpr int warps = 4;
constexpr int threads = 32 * warps;
constexpr int ahead = 4;  // rows that each group of lanes loads at once

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

// Lanes: that share a row, 8 elements each.
template <class T, int Lanes>
__global__ __launch_bounds__(threads) void stepKernel(MixerStep step, AttentionView v) {
  constexpr int groups = 32 / Lanes;  // rows of a warp
  __shared__ float partMost[warps], partTotal[warps], parts[warps][Lanes * 8];
  __shared__ bool lastBlock;
  letSuccessorStart();
  // Nothing before this kernel in the same token writes the position, or what was cached before.
  const int split = blockIdx.x, head = blockIdx.y, sequence = blockIdx.z, position = step.control->position;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, inside = lane % Lanes, group = lane / Lanes;
  const int width = v.headWidth, padded = v.paddedHeadWidth, dimension = 8 * inside;
  const bool used = dimension < padded;
  const float scale = rsqrtf(static_cast<float>(width)) * 1.4426950408889634F;
  int size = v.splitTokens;  // of this split; the new token is row `position`
  if (size == 0) size = (position / v.splits + 1 + warps * groups - 1) / (warps * groups) * (warps * groups);
  const int first = split * size, last = min(first + size, position + 1);
  const int shared = head / (v.heads / v.keyHeads);  // several heads may keep the same new row: the same numbers
  const std::size_t row0 = (std::size_t(sequence) * v.keyHeads + shared) * v.capacity;
  T* keys = static_cast<T*>(v.keys) + row0 * padded;
  T* values = static_cast<T*>(v.values) + row0 * padded;
  const T* stream = static_cast<const T*>(step.streams) + std::size_t(sequence) * (step.stride + 2 * v.keyStride);
  const T* query = stream + head * width;
  const T* newest = stream + step.stride + shared * width;

  waitForPredecessor();

  // The split that ends with the new token stores it first.
  if (first <= position && position < last)
    for (int i = threadIdx.x; i < padded; i += threads) {
      keys[std::size_t(position) * padded + i] = i < width ? newest[i] : fromFloat<T>(0);
      values[std::size_t(position) * padded + i] = i < width ? newest[v.keyStride + i] : fromFloat<T>(0);
    }
  __syncthreads();
  float q[8];
#pragma unroll
  for (int e = 0; e < 8; ++e) q[e] = dimension + e < width ? toFloat(query[dimension + e]) : 0;

  Running running;
  for (int base = first + warp * groups + group; base - group < last; base += ahead * warps * groups) {
    Eight<T> k[ahead], w[ahead];
#pragma unroll
    for (int a = 0; a < ahead; ++a) {
      const int row = base + a * warps * groups;
      if (row < last && used) {
        k[a].load(keys + std::size_t(row) * padded + dimension);
        w[a].load(values + std::size_t(row) * padded + dimension);
      } else {
        k[a].clear();
        w[a].clear();
      }
    }
    float scores[ahead], most = running.most;
#pragma unroll
    for (int a = 0; a < ahead; ++a) {
      float key[8];
      k[a].unpack(key);
      float score = 0;
#pragma unroll
      for (int e = 0; e < 8; ++e) score = fmaf(q[e], key[e], score);
#pragma unroll
      for (int offset = Lanes / 2; offset > 0; offset /= 2) score += __shfl_xor_sync(0xffffffffu, score, offset);
      scores[a] = base + a * warps * groups < last ? score : -INFINITY;
      most = fmaxf(most, scores[a]);
    }
    if (most == -INFINITY) continue;
    const float old = running.most == -INFINITY ? 0 : exp2f((running.most - most) * scale);
    running.most = most;
    running.total *= old;
#pragma unroll
    for (int e = 0; e < 8; ++e) running.sums[e] *= old;
#pragma unroll
    for (int a = 0; a < ahead; ++a) {
      const float p = scores[a] == -INFINITY ? 0 : exp2f((scores[a] - most) * scale);
      running.total += p;
      float value[8];
      w[a].unpack(value);
#pragma unroll
      for (int e = 0; e < 8; ++e) running.sums[e] = fmaf(p, value[e], running.sums[e]);
    }
  }
  // Groups of a warp, then warps, in a fixed order.
#pragma unroll
  for (int offset = Lanes; offset < 32; offset *= 2) {
    const float most = __shfl_xor_sync(0xffffffffu, running.most, offset);
    const float total = __shfl_xor_sync(0xffffffffu, running.total, offset);
    float sums[8];
#pragma unroll
    for (int e = 0; e < 8; ++e) sums[e] = __shfl_xor_sync(0xffffffffu, running.sums[e], offset);
    // The lower group's part goes first in both partners, so that they agree to the bit.
    if (lane & offset) {
      Running other;
      other.most = most, other.total = total;
#pragma unroll
      for (int e = 0; e < 8; ++e) other.sums[e] = sums[e];
      combine(other, running.most, running.total, running.sums, scale);
      running = other;
    } else {
      combine(running, most, total, sums, scale);
    }
  }
  if (group == 0) {
    if (inside == 0) partMost[warp] = running.most, partTotal[warp] = running.total;
#pragma unroll
    for (int e = 0; e < 8; ++e) parts[warp][dimension + e] = running.sums[e];
  }
  __syncthreads();
  T* out = static_cast<T*>(step.out) + std::size_t(sequence) * step.stride + head * width;
  const std::size_t at = std::size_t(sequence) * v.heads + head;
  float* partial = v.partial + at * v.splits * (padded + 2);
  if (warp == 0 && group == 0) {
    for (int w = 1; w < warps; ++w) combine(running, partMost[w], partTotal[w], &parts[w][dimension], scale);
    if (v.splits == 1) {
#pragma unroll
      for (int e = 0; e < 8; ++e)
        if (dimension + e < width) out[dimension + e] = fromFloat<T>(running.sums[e] / running.total);
    } else {
      float* mine = partial + std::size_t(split) * (padded + 2);
      if (inside == 0) mine[0] = running.most, mine[1] = running.total;
      if (used)
#pragma unroll
        for (int e = 0; e < 8; ++e) mine[2 + dimension + e] = running.sums[e];
    }
  }
  if (v.splits == 1) return;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) lastBlock = atomicAdd(v.arrived + at, 1) == v.splits - 1;
  __syncthreads();
  if (!lastBlock) return;
  __threadfence();
  if (warp == 0 && group == 0) {
    Running all;
    for (int s = 0; s < v.splits; ++s) {
      const volatile float* other = partial + std::size_t(s) * (padded + 2);
      float sums[8];
#pragma unroll
      for (int e = 0; e < 8; ++e) sums[e] = used ? other[2 + dimension + e] : 0;
      combine(all, other[0], other[1], sums, scale);
    }
#pragma unroll
    for (int e = 0; e < 8; ++e)
      if (dimension + e < width) out[dimension + e] = fromFloat<T>(all.sums[e] / all.total);
    if (inside == 0) v.arrived[at] = 0;
  }
}

template <class T>
void stepAll(const MixerStep& step, const AttentionView& v, const Launch& where) {
  const dim3 grid(v.splits, v.heads, step.batch);
  byLanes<2>(v.paddedHeadWidth, [&](auto lanes) {
    launch(stepKernel<T, decltype(lanes)::value>, grid, threads, 0, where, step, v);
  });
}

// A block of threads takes a row; threads have pairs of channels, and several share the heads.
constexpr int turnThreads = 256;
template <class T>
__global__ void rotateKernel(Rotation r, AttentionView v) {
  letSuccessorStart();
  waitForPredecessor();
  const int row = blockIdx.x, pairs = r.dimensions / 2;
  const double position = r.control ? r.control->position : r.position + row % r.tokensPerRow;
  T* streams = static_cast<T*>(r.streams) + std::size_t(row) * (r.stride + 2 * v.keyStride);
  for (int i = threadIdx.x; i < pairs * (turnThreads / 32); i += turnThreads) {
    const int pair = i % pairs;
    double sine, cosine;
    sincos(position * (pow(r.base, -2.0 * pair / r.dimensions) / r.scale), &sine, &cosine);
    const float s = static_cast<float>(sine), c = static_cast<float>(cosine);
    for (int head = i / pairs; head < v.heads + v.keyHeads; head += turnThreads / 32) {
      T* at = streams + (head < v.heads ? head * v.headWidth : r.stride + (head - v.heads) * v.headWidth) + pair;
      const float x = toFloat(at[0]), y = toFloat(at[pairs]);
      at[0] = fromFloat<T>(x * c - y * s);
      at[pairs] = fromFloat<T>(y * c + x * s);
    }
  }
}

}  // namespace

void rotate(const Rotation& r, const AttentionView& v, Type type, const Launch& where) {
  if (type == Type::float32)
    launch(rotateKernel<float>, r.rows, turnThreads, 0, where, r, v);
  else
    launch(rotateKernel<Half>, r.rows, turnThreads, 0, where, r, v);
}

void stepAttention(const MixerStep& step, const AttentionView& v, Type type, const Launch& where) {
  type == Type::float32 ? stepAll<float>(step, v, where) : stepAll<Half>(step, v, where);
}

}  // namespace engine::cuda
