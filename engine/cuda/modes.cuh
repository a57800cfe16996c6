// The recurrence of Hyena's channels, for modes or for sections: one token of many sequences, or a prompt. A block has
// 16 channels; its 8 half-warps share the modes. Sums run in one order, so that a prompt, a step and any batch give the
// same bits.
#pragma once

#include "engine/cuda/streamed.cuh"

namespace engine::cuda {

constexpr int modeThreads = 128;

template <class T, class Mode, int Sequences>
__global__ __launch_bounds__(modeThreads) void modesStepKernel(MixerStep step, ModalView m) {
  __shared__ float inputs[Sequences][groupSize];
  __shared__ float parts[4][Sequences][groupSize];
  letSuccessorStart();
  const int group = blockIdx.x, firstSequence = blockIdx.y * Sequences;
  const GroupView g = m.group[group];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, channel = lane % groupSize;
  const int firstSlot = 2 * warp + lane / groupSize, slots = g.pairs + g.reals;
  Mode coefficients = {};
  // Nothing before this kernel in the same token writes the states: they are on their way while the gates are made.
  float2 x[Sequences] = {};
  if (firstSlot < slots) {
    coefficients = loadMode<Mode>(m, g, firstSlot, channel);
    const float* first = stateOf(m, g, firstSequence, firstSlot, channel);
#pragma unroll
    for (int s = 0; s < Sequences; ++s)
      if (firstSequence + s < step.batch) x[s] = loadState(first + s * stateStride(g), firstSlot < g.pairs);
  }
  // One thread for each sequence and channel. Nothing before this kernel writes the position or earlier inputs either.
  const int position = step.control->position;
  const int own = threadIdx.x / groupSize, sequence = firstSequence + own;
  const int place = group * groupSize + channel;
  const int column = m.order[place];
  const bool active = own < Sequences && sequence < step.batch && column >= 0;
  const bool fits = Gates<T>::fit(step.shortFilter);
  const Gates<T> gates(step, position, max(column, 0));
  typename Gates<T>::Inputs in;
  if (active && fits) gates.loadPast(sequence, in);
  waitForPredecessor();
  float gate = 0, input = 0;
  if (own < Sequences) {
    if (active && fits) gates.loadNewest(sequence, in), gates.apply(in, sequence, gate, input);
    if (active && !fits) gateStep<T>(step, sequence, position, column, gate, input);
    inputs[own][channel] = input;
  }
  __syncthreads();

  float sums[Sequences] = {};
  for (int slot = firstSlot; slot < slots; slot += slotLanes) {
    const bool pair = slot < g.pairs;
    float* first = stateOf(m, g, firstSequence, slot, channel);
    if (slot != firstSlot) {
      coefficients = loadMode<Mode>(m, g, slot, channel);
#pragma unroll
      for (int s = 0; s < Sequences; ++s)
        x[s] = firstSequence + s < step.batch ? loadState(first + s * stateStride(g), pair) : make_float2(0, 0);
    }
#pragma unroll
    for (int s = 0; s < Sequences; ++s) {
      sums[s] += coefficients.read(x[s].x, x[s].y);
      coefficients.step(x[s].x, x[s].y, inputs[s][channel]);
      if (firstSequence + s < step.batch) storeState(first + s * stateStride(g), pair, x[s].x, x[s].y);
    }
  }
#pragma unroll
  for (int s = 0; s < Sequences; ++s) {
    sums[s] += __shfl_xor_sync(0xffffffffu, sums[s], groupSize);
    if (lane < groupSize) parts[warp][s][channel] = sums[s];
  }
  __syncthreads();
  if (!active) return;
  const float sum =
      (parts[0][own][channel] + parts[1][own][channel]) + (parts[2][own][channel] + parts[3][own][channel]);
  const float y = fmaf(m.direct[place], input, sum);
  static_cast<T*>(step.out)[std::size_t(sequence) * step.stride + column] = fromFloat<T>(gate * y);
}

constexpr int modeChunk = 32;

// Tokens from `begin` on of the piece.

template <class T, class Mode, int Slots>
__global__ __launch_bounds__(modeThreads) void modesPromptKernel(MixerPrompt prompt, ModalView m, int begin) {
  __shared__ float inputs[modeChunk][groupSize], gates[modeChunk][groupSize];
  __shared__ float parts[4][modeChunk][groupSize];
  letSuccessorStart();
  waitForPredecessor();
  const int group = blockIdx.x, sequence = prompt.firstSequence + blockIdx.y;
  const std::size_t row0 = std::size_t(blockIdx.y) * prompt.tokens;
  const GroupView g = m.group[group];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, channel = lane % groupSize;
  const int firstSlot = 2 * warp + lane / groupSize, slots = g.pairs + g.reals;
  Mode coefficients[Slots];
  float2 x[Slots];
#pragma unroll
  for (int k = 0; k < Slots; ++k) {
    const int slot = firstSlot + k * slotLanes;
    coefficients[k] = {};
    x[k] = make_float2(0, 0);
    if (slot < slots) {
      coefficients[k] = loadMode<Mode>(m, g, slot, channel);
      x[k] = loadState(stateOf(m, g, sequence, slot, channel), slot < g.pairs);
    }
  }
  const int own = threadIdx.x / groupSize, place = group * groupSize + channel, column = m.order[place];
  const float direct = m.direct[place];
  T* out = static_cast<T*>(prompt.out);
  for (int first = begin; first < prompt.tokens; first += modeChunk) {
    const int count = min(modeChunk, prompt.tokens - first);
    for (int t = own; t < count; t += modeThreads / groupSize) {
      float gate = 0, input = 0;
      if (column >= 0) {
        const auto filtered = [&](int stream) {
          return shortPrompt<T>(prompt, sequence, first + t, stream, column, row0);
        };
        gate = filtered(0);
        const float x1 = filtered(1);
        input = rounded<T>(x1 * filtered(2));
      }
      inputs[t][channel] = input;
      gates[t][channel] = gate;
    }
    __syncthreads();
    for (int t = 0; t < count; ++t) {
      const float u = inputs[t][channel];
      float sum = 0;
#pragma unroll
      for (int k = 0; k < Slots; ++k) {
        sum += coefficients[k].read(x[k].x, x[k].y);
        coefficients[k].step(x[k].x, x[k].y, u);
      }
      sum += __shfl_xor_sync(0xffffffffu, sum, groupSize);
      if (lane < groupSize) parts[warp][t][channel] = sum;
    }
    __syncthreads();
    for (int t = own; t < count; t += modeThreads / groupSize) {
      if (column < 0) continue;
      const float sum = (parts[0][t][channel] + parts[1][t][channel]) + (parts[2][t][channel] + parts[3][t][channel]);
      const float y = fmaf(direct, inputs[t][channel], sum);
      out[(row0 + first + t) * prompt.stride + column] = fromFloat<T>(gates[t][channel] * y);
    }
    __syncthreads();
  }
#pragma unroll
  for (int k = 0; k < Slots; ++k) {
    const int slot = firstSlot + k * slotLanes;
    if (slot < slots) storeState(stateOf(m, g, sequence, slot, channel), slot < g.pairs, x[k].x, x[k].y);
  }
}

template <class T, class Mode>
void stepModes(const MixerStep& step, const ModalView& m, const Launch& where) {
  if (streamModes<T, Mode>(step, m, where)) return;
  const auto go = [&](auto kernel, int sequences) {
    launch(kernel, dim3(m.groups, blocksFor(step.batch, sequences)), modeThreads, 0, where, step, m);
  };
  if (step.batch == 1)
    go(modesStepKernel<T, Mode, 1>, 1);
  else if (step.batch <= 4)
    go(modesStepKernel<T, Mode, 4>, 4);
  else
    go(modesStepKernel<T, Mode, 8>, 8);
}

template <class T, class Mode>
void promptModes(const MixerPrompt& prompt, const ModalView& m, int begin, const Launch& where) {
  const auto go = [&](auto kernel) {
    launch(kernel, dim3(m.groups, prompt.sequences), modeThreads, 0, where, prompt, m, begin);
  };
  const int perLane = (m.mostSlots + slotLanes - 1) / slotLanes;
  if (perLane <= 1)
    go(modesPromptKernel<T, Mode, 1>);
  else if (perLane <= 2)
    go(modesPromptKernel<T, Mode, 2>);
  else if (perLane <= 4)
    go(modesPromptKernel<T, Mode, 4>);
  else if (perLane <= 8)
    go(modesPromptKernel<T, Mode, 8>);
  else
    go(modesPromptKernel<T, Mode, 32>);
}

}  // namespace engine::cuda
