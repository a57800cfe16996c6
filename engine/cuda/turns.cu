// The end of a block of the modal recurrence on lanes (engine/cpu/blocked.h): folds its inputs into the state and makes
// the responses of the next block. It is a kernel of its own, since it needs registers where the step needs threads.
#include "engine/cuda/blocks.cuh"

namespace engine::cuda {
namespace {

constexpr int threads = 128;

// What a block of threads shares: inputs [length][16], sums [4 warps][length][16].
struct Scratch {
  float* inputs;
  float* sums;
};

// Adds Re(R lambda^(j - first) x) to this warp's sums of the phases j >= first. All threads of the warp take part.
__device__ inline void addResponses(const Slot& c, float a, float b, bool valid, int first, int length, float* sums) {
  const int lane = threadIdx.x % 32, channel = lane % groupSize;
  float re = 0, im = 0;
  if (valid) re = c.residueRe * a - c.residueIm * b, im = c.residueRe * b + c.residueIm * a;
  constexpr int together = 8;  // phases whose sums are read and written at once
  for (int j0 = first; j0 < length; j0 += together) {
    float both[together], old[together];
#pragma unroll
    for (int i = 0; i < together; ++i) {
      both[i] = re;
      const float next = c.re * re - c.im * im;
      im = c.re * im + c.im * re;
      re = next;
    }
#pragma unroll
    for (int i = 0; i < together; ++i) both[i] += __shfl_xor_sync(0xffffffffu, both[i], groupSize);
    if (lane >= groupSize) continue;
#pragma unroll
    for (int i = 0; i < together; ++i) old[i] = j0 + i < length ? sums[(j0 + i) * groupSize + channel] : 0.0F;
#pragma unroll
    for (int i = 0; i < together; ++i)
      if (j0 + i < length) sums[(j0 + i) * groupSize + channel] = old[i] + both[i];
  }
}

__device__ inline void clearSums(const Scratch& scratch, int length) {
  for (int i = threadIdx.x; i < 4 * length * groupSize; i += threads) scratch.sums[i] = 0;
}

__device__ inline void storeResponses(const Scratch& scratch, const BlockView& b, int batch, int group, int sequence,
                                      int first, int length) {
  const int size = length * groupSize;
  for (int i = first * groupSize + threadIdx.x; i < size; i += threads)
    b.responses[blockRow(b, batch, group, i / groupSize, sequence) + i % groupSize] =
        (scratch.sums[i] + scratch.sums[size + i]) + (scratch.sums[2 * size + i] + scratch.sums[3 * size + i]);
}

// Equation (4) of the engine page for one sequence, then the responses of the next block.
template <class T>
__device__ void turnOver(const ModalView& m, const BlockView& b, const GroupView& g, int batch, int group, int sequence,
                         int start, const Scratch& scratch) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, channel = lane % groupSize, length = b.length;
  for (int i = threadIdx.x; i < length * groupSize; i += threads)
    scratch.inputs[i] =
        toFloat(static_cast<const T*>(b.inputs)[blockRow(b, batch, group, i / groupSize, sequence) + i % groupSize]);
  clearSums(scratch, length);
  __syncthreads();
  const bool whole = start == 0;
  const int slots = g.pairs + g.reals;
  for (int base = 2 * warp; base < slots; base += slotLanes) {
    const int slot = base + lane / groupSize;
    const bool valid = slot < slots;
    Slot c = {};
    float a = 0, d = 0;
    if (valid) {
      c = loadSlot(m, g, slot, channel);
      float* at = stateOf(m, g, sequence, slot, channel);
      const float2 x = loadState(at, slot < g.pairs);
      if (whole) {
        for (int j = 0; j < length; ++j) foldInput(c, a, d, scratch.inputs[j * groupSize + channel]);
        loadPower(b.powers, g, slot, channel).addTo(a, d, x.x, x.y);
      } else {
        a = x.x, d = x.y;
        for (int j = start; j < length; ++j) c.step(a, d, scratch.inputs[j * groupSize + channel]);
      }
      storeState(at, slot < g.pairs, a, d);
    }
    addResponses(c, a, d, valid, 0, length, scratch.sums + warp * length * groupSize);
  }
  __syncthreads();
  storeResponses(scratch, b, batch, group, sequence, 0, length);
  __syncthreads();
}

// For every group whose block ends with this token, after stepKernel.
template <class T>
__global__ __launch_bounds__(threads) void turnKernel(MixerStep step, ModalView m, BlockView b) {
  extern __shared__ __align__(16) float memory[];
  letSuccessorStart();
  waitForPredecessor();
  const int group = turningGroup(b, blockIdx.x, step.control->position);
  if (group >= m.groups) return;
  turnOver<T>(m, b, m.group[group], step.batch, group, blockIdx.y, startOf(*step.control, b.length - 1),
              Scratch{memory, memory + b.length * groupSize});
}

// The same for blocks of 16 tokens and at most 8 K modes a channel: a block of threads takes `each` sequences one after
// the other, the next one on its way, and keeps sums in registers.
template <class T, int K>
__global__ __launch_bounds__(threads) void usualTurnKernel(MixerStep step, ModalView m, BlockView b, int each) {
  constexpr int length = usualLength, size = length * groupSize;
  __shared__ float inputs[size];
  __shared__ float sums[4 * size];
  letSuccessorStart();
  waitForPredecessor();
  const int group = turningGroup(b, blockIdx.x, step.control->position);
  if (group >= m.groups) return;
  const GroupView g = m.group[group];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, channel = lane % groupSize;
  const int firstSlot = 2 * warp + lane / groupSize, slots = g.pairs + g.reals;
  const int first = blockIdx.y * each, end = min(first + each, step.batch), start = startOf(*step.control, length - 1);
  Slot c[K];
  Power p[K];
  float2 coming[K];
  T kept[size / threads];
  const auto fetch = [&](int sequence) {
#pragma unroll
    for (int k = 0; k < K; ++k) {
      const int slot = firstSlot + k * slotLanes;
      coming[k] = slot < slots ? loadState(stateOf(m, g, sequence, slot, channel), slot < g.pairs) : make_float2(0, 0);
    }
#pragma unroll
    for (int i = 0; i < size / threads; ++i)
      kept[i] = static_cast<const T*>(
          b.inputs)[blockRow(b, step.batch, group, i * (threads / groupSize) + threadIdx.x / groupSize, sequence) +
                    channel];
  };
  if (first < end) fetch(first);
#pragma unroll
  for (int k = 0; k < K; ++k) {
    const int slot = firstSlot + k * slotLanes;
    c[k] = {};
    p[k] = {};
    if (slot < slots) c[k] = loadSlot(m, g, slot, channel), p[k] = loadPower(b.powers, g, slot, channel);
  }
  for (int sequence = first; sequence < end; ++sequence) {
    float2 x[K];
#pragma unroll
    for (int k = 0; k < K; ++k) x[k] = coming[k];
#pragma unroll
    for (int i = 0; i < size / threads; ++i) inputs[i * threads + threadIdx.x] = toFloat(kept[i]);
    __syncthreads();
    if (sequence + 1 < end) fetch(sequence + 1);
    float a[K] = {}, d[K] = {};
    if (start == 0) {
#pragma unroll
      for (int j = 0; j < length; ++j)
#pragma unroll
        for (int k = 0; k < K; ++k) foldInput(c[k], a[k], d[k], inputs[j * groupSize + channel]);
#pragma unroll
      for (int k = 0; k < K; ++k) p[k].addTo(a[k], d[k], x[k].x, x[k].y);
    } else {
#pragma unroll
      for (int k = 0; k < K; ++k) a[k] = x[k].x, d[k] = x[k].y;
      for (int j = start; j < length; ++j)
#pragma unroll
        for (int k = 0; k < K; ++k) c[k].step(a[k], d[k], inputs[j * groupSize + channel]);
    }
    float responses[length] = {};
#pragma unroll
    for (int k = 0; k < K; ++k) {
      const int slot = firstSlot + k * slotLanes;
      if (slot >= slots) break;
      storeState(stateOf(m, g, sequence, slot, channel), slot < g.pairs, a[k], d[k]);
      float re = c[k].residueRe * a[k] - c[k].residueIm * d[k], im = c[k].residueRe * d[k] + c[k].residueIm * a[k];
#pragma unroll
      for (int j = 0; j < length; ++j) {
        responses[j] += re;
        const float next = c[k].re * re - c[k].im * im;
        im = c[k].re * im + c[k].im * re;
        re = next;
      }
    }
#pragma unroll
    for (int j = 0; j < length; ++j) {
      responses[j] += __shfl_xor_sync(0xffffffffu, responses[j], groupSize);
      if (lane < groupSize) sums[warp * size + j * groupSize + channel] = responses[j];
    }
    __syncthreads();
    storeResponses(Scratch{inputs, sums}, b, step.batch, group, sequence, 0, length);
  }
}

__global__ __launch_bounds__(threads) void startKernel(MixerStep step, ModalView m, BlockView b) {
  extern __shared__ __align__(16) float memory[];
  letSuccessorStart();
  waitForPredecessor();
  const int group = blockIdx.x, sequence = blockIdx.y;
  const GroupView g = m.group[group];
  const Scratch scratch{memory, memory + b.length * groupSize};
  const int first = phaseOf(b, group, step.control->position);
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, channel = lane % groupSize, slots = g.pairs + g.reals;
  clearSums(scratch, b.length);
  __syncthreads();
  for (int base = 2 * warp; base < slots; base += slotLanes) {
    const int slot = base + lane / groupSize;
    const bool valid = slot < slots;
    Slot c = {};
    float2 x = make_float2(0, 0);
    if (valid) {
      c = loadSlot(m, g, slot, channel);
      x = loadState(stateOf(m, g, sequence, slot, channel), slot < g.pairs);
    }
    addResponses(c, x.x, x.y, valid, first, b.length, scratch.sums + warp * b.length * groupSize);
  }
  __syncthreads();
  storeResponses(scratch, b, step.batch, group, sequence, first, b.length);
}

std::size_t sharedBytes(const BlockView& b) {
  return std::size_t(5) * b.length * groupSize * sizeof(float);
}

constexpr unsigned blocksAtOnce = 132 * 5;  // blocks of threads that are at work

template <class T>
void turnOnLanes(const MixerStep& step, const ModalView& m, const BlockView& b, const Launch& where) {
  const unsigned turning = blocksFor(m.groups, b.length);
  if (!usualTurns(m, b))
    return launch(turnKernel<T>, dim3(turning, step.batch), threads, sharedBytes(b), where, step, m, b);
  const int each = static_cast<int>(blocksFor(std::size_t(turning) * step.batch, blocksAtOnce));
  const dim3 grid(turning, blocksFor(step.batch, each));
  if (m.mostSlots <= 2 * slotLanes)
    launch(usualTurnKernel<T, 2>, grid, threads, 0, where, step, m, b, each);
  else
    launch(usualTurnKernel<T, 4>, grid, threads, 0, where, step, m, b, each);
}

}  // namespace

void turnBlocks(const MixerStep& step, const ModalView& m, const BlockView& b, Type type, const Launch& where) {
  if (turnTiles(step, m, b, type, where)) return;
  type == Type::float32 ? turnOnLanes<float>(step, m, b, where) : turnOnLanes<Half>(step, m, b, where);
}

void startBlocks(const MixerStep& step, const ModalView& m, const BlockView& b, Type, const Launch& where) {
  launch(startKernel, dim3(m.groups, step.batch), threads, sharedBytes(b), where, step, m, b);
}

}  // namespace engine::cuda
