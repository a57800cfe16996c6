// One sequence alone: norm, input projection, short filter, gates and modal recurrence of a block in one kernel. A block
// makes eight channels: three rows of the projection for each, then a warp runs the modes of one, a mode per lane.
#include "engine/cuda/dot.cuh"
#include "engine/cuda/mixer.cuh"
#include "engine/cuda/norm.cuh"

namespace engine::cuda {
namespace {

constexpr int warps = normWarps;
constexpr int threads = 32 * warps;
static_assert(warps == dotWarps);
constexpr int outputs = 3 * warps;

// Output 3 c + s: stream s of the block's channel c. Padding reads row 0, for nothing.
template <class T>
struct StreamRows {
  const T* weights;
  const std::int32_t* columns;
  std::size_t inputs;
  __device__ const T* operator()(int i) const {
    return weights + std::size_t(streamColumn(i % 3, max(columns[i / 3], 0))) * inputs;
  }
};

template <class T>
__global__ __launch_bounds__(threads, 2) void fusedKernel(VectorProduct p, MixerStep step, ModalView m) {
  extern __shared__ __align__(16) unsigned char memory[];
  __shared__ float partial[warps * outputs];
  letSuccessorStart();
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, place = blockIdx.x * warps + warp;
  const int group = place / groupSize, channel = place % groupSize;
  const int column = m.order[place];
  const std::size_t inputs = p.inputs;
  Dot<T, 1, StreamRows<T>> dot(
      p.inputs, outputs,
      {static_cast<const T*>(p.weight), m.order + blockIdx.x * warps, inputs});
  dot.begin();
  // Nothing before this kernel in the same token writes these.
  const GroupView g = m.group[group];
  const int slots = g.pairs + g.reals;
  float2 state = make_float2(0, 0);
  if (lane < slots) state = loadState(stateOf(m, g, 0, lane, channel), lane < g.pairs);

  waitForPredecessor();
  T* x = reinterpret_cast<T*>(memory);
  normByBlock(p.norm, static_cast<const float*>(p.x), p.inputs, reinterpret_cast<float*>(x) + inputs, x);
  __syncthreads();
  dot.run(x, 1, partial);
  __syncthreads();
  if (column < 0) return;
  T newest[3];
#pragma unroll
  for (int stream = 0; stream < 3; ++stream)
    newest[stream] = fromFloat<T>(dotSum<1>(partial, outputs, 3 * warp + stream, 0) +
                                  toFloat(static_cast<const T*>(p.bias)[streamColumn(stream, column)]));
  float filtered[3];
  // Every lane reads the history; one keeps the new inputs, once all have read.
  shortStep(step.shortFilter, 0, step.control->position, column, step.stride, newest, filtered);
  __syncwarp();
  if (lane == 0) keepInputs(step.shortFilter, 0, step.control->position, column, step.stride, newest);
  const float input = rounded<T>(filtered[1] * filtered[2]);
  float sum = 0;
  for (int slot = lane; slot < slots; slot += 32) {
    const bool pair = slot < g.pairs;
    float* at = stateOf(m, g, 0, slot, channel);
    const Slot mode = loadSlot(m, g, slot, channel);
    if (slot != lane) state = loadState(at, pair);
    sum += mode.read(state.x, state.y);
    mode.step(state.x, state.y, input);
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
