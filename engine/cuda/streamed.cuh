// The step of many sequences with the states on their way ahead of their use (compute capability 9.0): bulk copies
// bring the states of a group, some sequences at a time, into shared memory and take them back, so that memory works
// while sums are made. The arithmetic, and so the bits, are those of modesStepKernel.
#pragma once

#include <algorithm>
#include <type_traits>

#include "engine/cuda/ring.cuh"
#include "engine/cuda/section.cuh"

namespace engine::cuda {

constexpr int streamThreads = 128;  // 8 half-warps that share a group's modes
constexpr int streamStages = 3;     // one is worked on, one comes, one goes
constexpr int streamMultiprocessors = 132;
constexpr int fewestStreamed = 8;  // sequences

template <int Sequences>
struct StreamShared {
  std::uint64_t filled[streamStages];
  float inputs[Sequences][groupSize];
  float parts[4][Sequences][groupSize];
};

// A block of threads takes group blockIdx.x through its share of the sequences, `Sequences` at a time; Slots modes a
// thread. A sequence has stageFloats in shared memory.
template <class T, class Mode, int Sequences, int Slots>
__global__ __launch_bounds__(streamThreads) void modesStreamKernel(MixerStep step, ModalView m, int stageFloats) {
#if __CUDA_ARCH__ >= 900
  extern __shared__ __align__(128) unsigned char memory[];
  __shared__ StreamShared<Sequences> shared;
  letSuccessorStart();
  const int group = blockIdx.x, share = blockIdx.y, shares = gridDim.y, thread = threadIdx.x;
  const int chunks = (step.batch + Sequences - 1) / Sequences;
  const int firstChunk = chunks * share / shares, endChunk = chunks * (share + 1) / shares;
  float* stages = reinterpret_cast<float*>(memory);

  const GroupView g = m.group[group];
  const unsigned bytes = stateStride(g) * sizeof(float);
  const int lane = thread % 32, warp = thread / 32, channel = lane % groupSize;
  const int firstSlot = 2 * warp + lane / groupSize, slots = g.pairs + g.reals;
  float* const states = m.state + std::size_t(g.state) * m.batch;
  const int stride = stateStride(g);
  const auto fetch = [&](int chunk) {  // by the first warp, a lane for each sequence
    if (chunk >= endChunk) return;
    const int stage = (chunk - firstChunk) % streamStages;
    const int present = min(Sequences, step.batch - chunk * Sequences);
    const unsigned barrier = sharedAddress(shared.filled + stage);
    if (thread == 0) expectBytes(barrier, present * bytes);
    __syncwarp();
    if (thread < present && bytes > 0)  // none: channels that stay convolutions
      bulkLoad(stages + (stage * Sequences + thread) * stageFloats,
               states + (std::size_t(chunk) * Sequences + thread) * stride, bytes, barrier);
  };
  // Nothing before this kernel in the same token writes the states.
  if (warp == 0) {
    if (thread == 0) {
      for (int i = 0; i < streamStages; ++i) beginBarrier(sharedAddress(shared.filled + i), 1);
      publishBarriers();
    }
    __syncwarp();
    for (int i = 0; i + 1 < streamStages; ++i) fetch(firstChunk + i);
  }
  Mode coefficients[Slots];
#pragma unroll
  for (int k = 0; k < Slots; ++k) {
    coefficients[k] = {};
    if (firstSlot + k * slotLanes < slots) coefficients[k] = loadMode<Mode>(m, g, firstSlot + k * slotLanes, channel);
  }
  const int own = thread / groupSize, place = group * groupSize + channel, column = m.order[place];
  const float direct = m.direct[place];
  // Nor does it write the position, or inputs of earlier tokens. Asking for these first pays where a block has one turn.
  if (endChunk - firstChunk > 1) waitForPredecessor();
  const int position = step.control->position;
  const auto active = [&](int chunk) {
    return own < Sequences && chunk < endChunk && chunk * Sequences + own < step.batch && column >= 0;
  };
  const Gates<T> gates(step, position, max(column, 0));
  typename Gates<T>::Inputs coming = {};
  if (active(firstChunk)) gates.loadPast(firstChunk * Sequences + own, coming);
  waitForPredecessor();
  if (active(firstChunk)) gates.loadNewest(firstChunk * Sequences + own, coming);
  __syncthreads();  // the barriers are there

  unsigned phase = 0;
  int stage = 0;
  for (int chunk = firstChunk; chunk < endChunk; ++chunk) {
    const int sequence = chunk * Sequences + own;
    float gate = 0, input = 0;
    if (own < Sequences) {
      if (active(chunk)) gates.apply(coming, sequence, gate, input);
      shared.inputs[own][channel] = input;
    }
    if (active(chunk + 1)) coming = gates.load(sequence + Sequences);
    __syncthreads();
    awaitPhase(sharedAddress(shared.filled + stage), phase);
    float* here = stages + stage * Sequences * stageFloats;
    float sums[Sequences] = {};
#pragma unroll
    for (int k = 0; k < Slots; ++k) {
      const int slot = firstSlot + k * slotLanes;
      if (slot >= slots) break;
      const bool pair = slot < g.pairs;
      float* at = here + (pair ? (slot * groupSize + channel) * 2
                               : g.pairs * 2 * groupSize + (slot - g.pairs) * groupSize + channel);
#pragma unroll
      for (int s = 0; s < Sequences; ++s) {
        float2 x = loadState(at + s * stageFloats, pair);
        sums[s] += coefficients[k].read(x.x, x.y);
        coefficients[k].step(x.x, x.y, shared.inputs[s][channel]);
        storeState(at + s * stageFloats, pair, x.x, x.y);
      }
    }
#pragma unroll
    for (int s = 0; s < Sequences; ++s) {
      sums[s] += __shfl_xor_sync(0xffffffffu, sums[s], groupSize);
      if (lane < groupSize) shared.parts[warp][s][channel] = sums[s];
    }
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");  // the copy back shall see what was written
    __syncthreads();
    if (warp == 0) {
      // A stage is filled again once what went out of it has been read: the one before this.
      if (thread < Sequences) {
        asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
        if (bytes > 0 && chunk * Sequences + thread < step.batch)
          bulkStore(states + (std::size_t(chunk) * Sequences + thread) * stride, here + thread * stageFloats,
                    bytes);
      }
      __syncwarp();
      fetch(chunk + streamStages - 1);
    }
    if (active(chunk)) {
      const float sum = (shared.parts[0][own][channel] + shared.parts[1][own][channel]) +
                        (shared.parts[2][own][channel] + shared.parts[3][own][channel]);
      const float y = fmaf(direct, input, sum);
      static_cast<T*>(step.out)[std::size_t(sequence) * step.stride + column] = fromFloat<T>(gate * y);
    }
    if (++stage == streamStages) stage = 0, phase ^= 1;
  }
  if (thread < Sequences) asm volatile("cp.async.bulk.wait_group 0;" ::: "memory");
#endif
}

// Whether the step was launched: batches of 8 or more, at most 64 modes a channel, a short filter that Gates takes.
template <class T, class Mode>
bool streamModes(const MixerStep& step, const ModalView& m, const Launch& where) {
  const int perThread = (m.mostSlots + slotLanes - 1) / slotLanes;
  if (!where.dependent || step.batch < fewestStreamed || perThread > 8 || !Gates<T>::fit(step.shortFilter))
    return false;
  const int stageFloats = m.mostSlots * 2 * groupSize;
  const auto go = [&](auto kernel, auto sequences) {
    constexpr int together = decltype(sequences)::value;
    const std::size_t bytes = std::size_t(streamStages) * together * stageFloats * sizeof(float);
    // As many blocks as are at work at once, each with as many sequences as there are left for it.
    const std::size_t resident = (std::size_t{220} << 10) / (bytes + sizeof(StreamShared<together>) + 1024);
    const int blocks = streamMultiprocessors * static_cast<int>(std::clamp<std::size_t>(resident, 1, 4));
    const int shares = std::clamp(blocks / m.groups, 1, static_cast<int>(blocksFor(step.batch, together)));
    launch(kernel, dim3(m.groups, shares), streamThreads, bytes, where, step, m, stageFloats);
    return true;
  };
  if (perThread <= 1) return go(modesStreamKernel<T, Mode, 8, 1>, std::integral_constant<int, 8>{});
  if (perThread <= 2) return go(modesStreamKernel<T, Mode, 8, 2>, std::integral_constant<int, 8>{});
  if (perThread <= 4) return go(modesStreamKernel<T, Mode, 4, 4>, std::integral_constant<int, 4>{});
  return go(modesStreamKernel<T, Mode, 4, 8>, std::integral_constant<int, 4>{});
}

}  // namespace engine::cuda
