// One sequence alone: norm, input projection, short filter, gates and modal recurrence of a block in one kernel. A warp
// makes one channel: three rows of the projection, then its modes, one or more per lane.
#include "engine/cuda/mixer.cuh"
#include "engine/cuda/norm.cuh"

namespace engine::cuda {
namespace {

constexpr int warps = normWarps;
constexpr int threads = 32 * warps;
constexpr int depth = 2;  // chunks of 256 inputs loaded ahead

template <class T>
__global__ __launch_bounds__(threads, 3) void fusedKernel(VectorProduct p, MixerStep step, ModalView m) {
  extern __shared__ __align__(16) unsigned char memory[];
  letSuccessorStart();
  const int lane = threadIdx.x % 32, place = blockIdx.x * warps + threadIdx.x / 32;
  const int group = place / groupSize, channel = place % groupSize;
  const int column = m.order[place];  // may be -1: the warp still helps with the norm
  const std::size_t inputs = p.inputs;
  const T* weight[3];
#pragma unroll
  for (int stream = 0; stream < 3; ++stream)
    weight[stream] = static_cast<const T*>(p.weight) + std::size_t(stream * step.stride + max(column, 0)) * inputs + 8 * lane;
  Eight<T> ahead[depth][3];
  const auto fetch = [&](int k, Eight<T>(&to)[3]) {
#pragma unroll
    for (int stream = 0; stream < 3; ++stream) {
      if (k + 8 * lane < p.inputs)
        to[stream].stream(weight[stream] + k);
      else
        to[stream].clear();
    }
  };
#pragma unroll
  for (int d = 0; d < depth; ++d) fetch(256 * d, ahead[d]);
  // Nothing before this kernel in the same token writes these.
  const GroupView g = m.group[group];
  const int slots = g.pairs + g.reals;
  Slot first = {};
  float2 state = make_float2(0, 0);
  if (lane < slots) {
    first = loadSlot(m, g, lane, channel);
    state = loadState(stateOf(m, g, 0, lane, channel), lane < g.pairs);
  }

  waitForPredecessor();
  T* x = reinterpret_cast<T*>(memory);
  normByBlock(p.norm, static_cast<const float*>(p.x), p.inputs, reinterpret_cast<float*>(memory) + inputs, x);
  __syncthreads();
  if (column < 0) return;
  float sums[3] = {};
  for (int k0 = 0; k0 < p.inputs; k0 += 256 * depth) {
#pragma unroll
    for (int d = 0; d < depth; ++d) {
      const int k = k0 + 256 * d;
      float w[3][8];
#pragma unroll
      for (int stream = 0; stream < 3; ++stream) ahead[d][stream].unpack(w[stream]);
      fetch(k + 256 * depth, ahead[d]);
      if (k + 8 * lane >= p.inputs) continue;
      Eight<T> in;
      in.load(x + k + 8 * lane);
      float values[8];
      in.unpack(values);
#pragma unroll
      for (int stream = 0; stream < 3; ++stream)
#pragma unroll
        for (int e = 0; e < 8; ++e) sums[stream] = fmaf(w[stream][e], values[e], sums[stream]);
    }
  }
  const int position = step.control->position, columns = 3 * step.stride, kept = step.shortFilter.taps - 1;
  float filtered[3];
#pragma unroll
  for (int stream = 0; stream < 3; ++stream) {
    const int at = stream * step.stride + column;
    const T newest = fromFloat<T>(warpSum(sums[stream]) + toFloat(static_cast<const T*>(p.bias)[at]));
    float y = step.shortFilter.bias[at] + step.shortFilter.weight[at] * toFloat(newest);
    T* history = static_cast<T*>(step.shortFilter.history) + at;
    for (int lag = 1; lag <= kept; ++lag) {
      const int past = position - lag;
      const float value = past < 0 ? 0.0F : toFloat(history[std::size_t(past % kept) * columns]);
      y += step.shortFilter.weight[std::size_t(lag) * columns + at] * value;
    }
    __syncwarp();
    if (kept > 0 && lane == 0) history[std::size_t(position % kept) * columns] = newest;
    filtered[stream] = y;
  }
  const float input = rounded<T>(filtered[1] * filtered[2]);
  float sum = 0;
  for (int slot = lane; slot < slots; slot += 32) {
    const bool pair = slot < g.pairs;
    float* at = stateOf(m, g, 0, slot, channel);
    if (slot != lane) {
      first = loadSlot(m, g, slot, channel);
      state = loadState(at, pair);
    }
    sum += first.read(state.x, state.y);
    first.step(state.x, state.y, input);
    storeState(at, pair, state.x, state.y);
  }
  sum = warpSum(sum);
  if (lane == 0)
    static_cast<T*>(step.out)[column] = fromFloat<T>(filtered[0] * fmaf(m.direct[place], input, sum));
}

}  // namespace

void stepModalAlone(const VectorProduct& p, const MixerStep& step, const ModalView& m, Type type,
                    const Launch& where) {
  const dim3 grid(static_cast<unsigned>(m.groups * groupSize / warps));
  const std::size_t shared = std::size_t(p.inputs) * 2 * sizeof(float);
  if (type == Type::float32)
    launch(fusedKernel<float>, grid, threads, shared, where, p, step, m);
  else
    launch(fusedKernel<Half>, grid, threads, shared, where, p, step, m);
}

}  // namespace engine::cuda
