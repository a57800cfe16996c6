// Attention of one new token with the cache on its way ahead of its use (compute capability 9.0): one warp asks for keys
// and values by bulk copies, the first ones before the kernel in front has ended, four others make sums of them.
#include "engine/cuda/attention.cuh"
#include "engine/cuda/ring.cuh"

namespace engine::cuda {
namespace {

constexpr int threads = 32 * attentionWarps + 32;
constexpr int stages = 4;
// Keys and values of a stage: 16 kB together where a head fills the lanes.
template <class T, int Lanes>
constexpr int rowsOf = 8192 / (8 * Lanes * sizeof(T));

template <class T, int Lanes>
__global__ __launch_bounds__(threads) void aheadKernel(MixerStep step, AttentionView v) {
#if __CUDA_ARCH__ >= 900
  using Place = AttentionPlace<T, Lanes>;
  constexpr int rows = rowsOf<T, Lanes>, perGroup = rows / (attentionWarps * Place::groups);
  extern __shared__ __align__(128) unsigned char memory[];
  __shared__ std::uint64_t filled[stages], emptied[stages];
  __shared__ AttentionShared<Lanes> shared;
  letSuccessorStart();
  // Nothing before this kernel in the same token writes the position, or what was cached before.
  const Place p(step, v);
  const int padded = v.paddedHeadWidth, rowBytes = padded * static_cast<int>(sizeof(T));
  // The new token's row is not in the cache yet: its keys and values are taken from where they were made.
  const int cached = max((p.storing ? p.position : p.last) - p.first, 0), count = (cached + rows - 1) / rows;
  const auto keysOf = [&](int slot) { return memory + slot * 2 * rows * rowBytes; };

  if (threadIdx.x == 0) {
    for (int i = 0; i < stages; ++i) {
      beginBarrier(sharedAddress(filled + i), 1);
      beginBarrier(sharedAddress(emptied + i), attentionWarps);
    }
    publishBarriers();
  }
  __syncthreads();
  if (p.warp == attentionWarps) {
    if (p.lane > 0) return;
    RingPlace place;
    for (int i = 0; i < count; ++i) {
      if (i >= stages) awaitPhase(sharedAddress(emptied + place.slot), place.phase ^ 1);
      const unsigned barrier = sharedAddress(filled + place.slot), bytes = min(rows, cached - i * rows) * rowBytes;
      const std::size_t from = std::size_t(p.first + i * rows) * padded;
      expectBytes(barrier, 2 * bytes);
      bulkLoad(keysOf(place.slot), p.keys + from, bytes, barrier);
      bulkLoad(keysOf(place.slot) + rows * rowBytes, p.values + from, bytes, barrier);
      place.step(stages);
    }
    return;
  }

  waitForPredecessor();
  float q[8];
  p.loadQuery(v, q);
  Running running;
  RingPlace place;
  for (int i = 0; i < count; ++i) {
    awaitPhase(sharedAddress(filled + place.slot), place.phase);
    const T* keys = reinterpret_cast<const T*>(keysOf(place.slot));
    Eight<T> k[perGroup], w[perGroup];
    bool there[perGroup];
#pragma unroll
    for (int a = 0; a < perGroup; ++a) {
      const int row = (a * attentionWarps + p.warp) * Place::groups + p.group;
      there[a] = i * rows + row < cached;
      if (there[a] && p.used) {
        k[a].load(keys + row * padded + p.dimension);
        w[a].load(keys + (rows + row) * padded + p.dimension);
      } else {
        k[a].clear();
        w[a].clear();
      }
    }
    __syncwarp();
    if (p.lane == 0) arriveAt(sharedAddress(emptied + place.slot));
    place.step(stages);
    addRows<T, Lanes>(running, q, k, w, there, p.scale);
  }
  if (p.storing && p.warp == 0) {
    Eight<T> k[1], w[1];
    T key[8], value[8];
#pragma unroll
    for (int e = 0; e < 8; ++e) {
      const bool real = p.dimension + e < v.headWidth;
      key[e] = real ? p.newest[p.dimension + e] : fromFloat<T>(0);
      value[e] = real ? p.newest[v.keyStride + p.dimension + e] : fromFloat<T>(0);
    }
    k[0].load(key);
    w[0].load(value);
    if (p.group == 0 && p.used)
#pragma unroll
      for (int e = 0; e < 8; ++e) {
        p.keys[std::size_t(p.position) * padded + p.dimension + e] = key[e];
        p.values[std::size_t(p.position) * padded + p.dimension + e] = value[e];
      }
    const bool there[1] = {p.group == 0};
    addRows<T, Lanes>(running, q, k, w, there, p.scale);
  }
  finishAttention<T, Lanes>(running, p, step, v, shared);
#endif
}

}  // namespace

template <class T>
bool stepAttentionAhead(const MixerStep& step, const AttentionView& v, const Launch& where) {
  constexpr int widest = 128;
  if (!where.dependent || v.paddedHeadWidth > widest) return false;
  byLanes<8>(v.paddedHeadWidth, [&](auto lanes) {
    constexpr int count = decltype(lanes)::value;
    if constexpr (8 * count <= widest) {
      const std::size_t bytes = std::size_t{2} * stages * rowsOf<T, count> * v.paddedHeadWidth * sizeof(T);
      launch(aheadKernel<T, count>, dim3(v.splits, v.heads, step.batch), threads, bytes, where, step, v);
    }
  });
  return true;
}
template bool stepAttentionAhead<float>(const MixerStep&, const AttentionView&, const Launch&);
template bool stepAttentionAhead<Half>(const MixerStep&, const AttentionView&, const Launch&);

}  // namespace engine::cuda
