// Attention of one new token to the cached keys and values: bound by reading the cache once. A warp reads whole rows of
// keys and values, 16 bytes per lane; long caches are split among blocks, and the last block of a head combines them in
// a fixed order.
#include "engine/cuda/attention.cuh"

namespace engine::cuda {
namespace {

constexpr int threads = 32 * attentionWarps;
constexpr int ahead = 4;  // rows that each group of lanes loads at once

template <class T, int Lanes>
__global__ __launch_bounds__(threads) void stepKernel(MixerStep step, AttentionView v) {
  __shared__ AttentionShared<Lanes> shared;
  letSuccessorStart();
  // Nothing before this kernel in the same token writes the position, or what was cached before.
  const AttentionPlace<T, Lanes> p(step, v);
  const int padded = v.paddedHeadWidth;

  waitForPredecessor();

  // The split that ends with the new token stores it first.
  if (p.storing)
    for (int i = threadIdx.x; i < padded; i += threads) {
      p.keys[std::size_t(p.position) * padded + i] = i < v.headWidth ? p.newest[i] : fromFloat<T>(0);
      p.values[std::size_t(p.position) * padded + i] = i < v.headWidth ? p.newest[v.keyStride + i] : fromFloat<T>(0);
    }
  __syncthreads();
  float q[8];
  p.loadQuery(v, q);

  Running running;
  constexpr int rows = attentionWarps * p.groups;
  for (int base = p.first + p.warp * p.groups + p.group; base - p.group < p.last; base += ahead * rows) {
    Eight<T> k[ahead], w[ahead];
    bool there[ahead];
#pragma unroll
    for (int a = 0; a < ahead; ++a) {
      const int row = base + a * rows;
      there[a] = row < p.last;
      if (there[a] && p.used) {
        k[a].load(p.keys + std::size_t(row) * padded + p.dimension);
        w[a].load(p.values + std::size_t(row) * padded + p.dimension);
      } else {
        k[a].clear();
        w[a].clear();
      }
    }
    addRows<T, Lanes>(running, q, k, w, there, p.scale);
  }
  finishAttention<T, Lanes>(running, p, step, v, shared);
}

template <class T>
void stepAll(const MixerStep& step, const AttentionView& v, const Launch& where) {
  if (stepAttentionAhead<T>(step, v, where)) return;
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
