// The modal recurrence in blocks (engine/cpu/blocked.h): most tokens read one response and a few past inputs; once in
// `length` tokens a group folds its inputs into the state and makes the next responses. Groups take turns.
#include "engine/cuda/mixer.cuh"

namespace engine::cuda {
namespace {

constexpr int threads = 128;

__device__ inline int phaseOf(const BlockView& b, int group, int position) {
  return (position + group + b.stagger) % b.length;
}

// lambda^length of a slot, hi and lo.
struct Power {
  float re, im, restRe, restIm;
};
__device__ inline Power loadPower(const BlockView& b, const GroupView& g, int slot, int channel) {
  const float* from = b.powers + 2 * std::size_t(g.state) + channel;
  if (slot < g.pairs) {
    from += std::size_t(slot) * 4 * groupSize;
    return {from[0], from[groupSize], from[2 * groupSize], from[3 * groupSize]};
  }
  from += std::size_t(g.pairs) * 4 * groupSize + std::size_t(slot - g.pairs) * 2 * groupSize;
  return {from[0], 0, from[groupSize], 0};
}

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

__device__ inline void storeResponses(const Scratch& scratch, int first, int length, float* responses) {
  const int size = length * groupSize;
  for (int i = first * groupSize + threadIdx.x; i < size; i += threads)
    responses[i] = (scratch.sums[i] + scratch.sums[size + i]) + (scratch.sums[2 * size + i] + scratch.sums[3 * size + i]);
}

// Equation (4) of the engine page for one sequence, then the responses of the next block.
template <class T>
__device__ void turnOver(const ModalView& m, const BlockView& b, const GroupView& g, int group, int sequence, int start,
                         const Scratch& scratch) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, channel = lane % groupSize, length = b.length;
  const std::size_t ring = (std::size_t(sequence) * m.groups + group) * length * groupSize;
  const T* kept = static_cast<const T*>(b.inputs) + ring;
  for (int i = threadIdx.x; i < length * groupSize; i += threads) scratch.inputs[i] = toFloat(kept[i]);
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
      if (whole) {  // the old state is not in the sum: its pole is exact enough in one float
        for (int j = 0; j < length; ++j) {
          const float next = fmaf(c.re, a, fmaf(-c.im, d, scratch.inputs[j * groupSize + channel]));
          d = fmaf(c.re, d, c.im * a);
          a = next;
        }
        const Power p = loadPower(b, g, slot, channel);
        const float re = fmaf(p.re, x.x, fmaf(-p.im, x.y, fmaf(p.restRe, x.x, fmaf(-p.restIm, x.y, a))));
        d = fmaf(p.re, x.y, fmaf(p.im, x.x, fmaf(p.restRe, x.y, fmaf(p.restIm, x.x, d))));
        a = re;
      } else {
        a = x.x, d = x.y;
        for (int j = start; j < length; ++j) c.step(a, d, scratch.inputs[j * groupSize + channel]);
      }
      storeState(at, slot < g.pairs, a, d);
    }
    addResponses(c, a, d, valid, 0, length, scratch.sums + warp * length * groupSize);
  }
  __syncthreads();
  storeResponses(scratch, 0, length, b.responses + ring);
  __syncthreads();
}

template <class T, int Sequences>
__global__ __launch_bounds__(threads) void stepKernel(MixerStep step, ModalView m, BlockView b) {
  extern __shared__ __align__(16) float memory[];
  letSuccessorStart();
  const int group = blockIdx.x, firstSequence = blockIdx.y * Sequences;
  const GroupView g = m.group[group];
  const int channel = threadIdx.x % groupSize, own = threadIdx.x / groupSize, place = group * groupSize + channel;
  const int column = m.order[place];
  waitForPredecessor();
  const int position = step.control->position;
  const int now = phaseOf(b, group, position);
  const int start = max(0, now - (position - step.control->firstStep));  // > 0 in the first block
  const int sequence = firstSequence + own;
  if (own < Sequences && sequence < step.batch) {
    float gate = 0, input = 0;
    if (column >= 0) {
      gateStep<T>(step, sequence, position, column, gate, input);
    }
    const std::size_t ring = (std::size_t(sequence) * m.groups + group) * b.length * groupSize + channel;
    T* past = static_cast<T*>(b.inputs) + ring;
    const float* taps = b.taps + std::size_t(group) * b.length * groupSize + channel;
    float sum = fmaf(m.direct[place], input, b.responses[ring + now * groupSize]);
    constexpr int together = 8;  // loads that do not wait for each other
    for (int lag0 = 1; lag0 <= now - start; lag0 += together) {
      float inputs[together];
#pragma unroll
      for (int i = 0; i < together; ++i)
        inputs[i] = lag0 + i <= now - start ? toFloat(past[(now - lag0 - i) * groupSize]) : 0.0F;
#pragma unroll
      for (int i = 0; i < together; ++i)
        if (lag0 + i <= now - start) sum = fmaf(taps[(lag0 + i) * groupSize], inputs[i], sum);
    }
    past[now * groupSize] = fromFloat<T>(input);
    if (column >= 0)
      static_cast<T*>(step.out)[std::size_t(sequence) * step.stride + column] = fromFloat<T>(gate * sum);
  }
  if (now + 1 < b.length) return;
  __syncthreads();
  const Scratch scratch{memory, memory + b.length * groupSize};
  for (int s = firstSequence; s < min(firstSequence + Sequences, step.batch); ++s)
    turnOver<T>(m, b, g, group, s, start, scratch);
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
  storeResponses(scratch, first, b.length,
                 b.responses + (std::size_t(sequence) * m.groups + group) * b.length * groupSize);
}

std::size_t sharedBytes(const BlockView& b) {
  return std::size_t(5) * b.length * groupSize * sizeof(float);
}

template <class T>
void stepAll(const MixerStep& step, const ModalView& m, const BlockView& b, const Launch& where) {
  const auto go = [&](auto kernel, int sequences) {
    launch(kernel, dim3(m.groups, blocksFor(step.batch, sequences)), threads, sharedBytes(b), where, step, m, b);
  };
  if (step.batch == 1)
    go(stepKernel<T, 1>, 1);
  else if (step.batch <= 4)
    go(stepKernel<T, 4>, 4);
  else
    go(stepKernel<T, 8>, 8);
}

}  // namespace

void stepBlocked(const MixerStep& step, const ModalView& m, const BlockView& b, Type type, const Launch& where) {
  type == Type::float32 ? stepAll<float>(step, m, b, where) : stepAll<Half>(step, m, b, where);
}

void startBlocks(const MixerStep& step, const ModalView& m, const BlockView& b, Type, const Launch& where) {
  launch(startKernel, dim3(m.groups, step.batch), threads, sharedBytes(b), where, step, m, b);
}

}  // namespace engine::cuda
