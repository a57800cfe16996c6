// Register tiles of convolutions: a thread has 16 outputs of one column and takes 16 inputs at once.
#pragma once

#include "engine/cuda/device.cuh"
#include "engine/cuda/tiled.h"

namespace engine::cuda {

constexpr int side = 16;
static_assert(side == tileRows);

// The taps of one column; zero beyond the filter.
struct TapColumn {
  const float* first;
  std::size_t step;
  int lags;
  __device__ TapColumn(const TiledView& z, const float* taps, int column)
      : first(z.entries > 0 ? taps + std::size_t(column / z.entries) * z.lags : taps + column),
        step(z.entries > 0 ? 1 : z.columns),
        lags(z.lags) {}
  __device__ float operator()(int lag) const { return lag >= 0 && lag < lags ? first[lag * step] : 0.0F; }
};

// The first of inputs begin, begin + 16 ... that a filter of `lags` taps brings to outputs from `out` on.
__device__ inline int firstInput(int begin, int out, int lags) {
  return max(begin, begin + (out - lags + 1 - begin) / side * side);
}

// sums[o] += sum over inputs i in [begin, end) of tap(out + o - i) input(i).
template <class Tap, class Input>
__device__ inline void addInputs(float (&sums)[side], int out, int begin, int end, const Tap& tap, const Input& input) {
  if (begin >= end) return;
  float window[2 * side - 1];  // taps of lag base - 15 ... base + 15, where base = out - first
#pragma unroll
  for (int i = 0; i < 2 * side - 1; ++i) window[i] = tap(out - begin + i - (side - 1));
  for (int first = begin; first < end; first += side) {
    float u[side];
#pragma unroll
    for (int j = 0; j < side; ++j) u[j] = first + j < end ? input(first + j) : 0.0F;
#pragma unroll
    for (int j = 0; j < side; ++j)
#pragma unroll
      for (int i = 0; i < side; ++i) sums[i] = fmaf(window[i - j + side - 1], u[j], sums[i]);
    const int base = out - first - side;
#pragma unroll
    for (int i = 2 * side - 2; i >= side; --i) window[i] = window[i - side];
#pragma unroll
    for (int i = 0; i < side; ++i) window[i] = tap(base + i - (side - 1));
  }
}

constexpr int tileWarps = 4;  // of a block of a prompt's tiles, one below the other

// A prompt's inputs [0, count) into outputs [0, outputs), slots from prompt.position on. source(sequence, column)(i):
// the inputs of a column.
template <class Source>
__global__ __launch_bounds__(32 * tileWarps) void promptTileKernel(Source source, TiledView z, int firstSequence,
                                                                   int position, int count, int outputs) {
  letSuccessorStart();
  waitForPredecessor();
  const int column = blockIdx.x * 32 + threadIdx.x % 32;
  const int out = (blockIdx.y * tileWarps + threadIdx.x / 32) * side;
  if (column >= z.columns || out >= outputs) return;
  const auto input = source(blockIdx.z, column);
  float sums[side] = {};
  addInputs(sums, out, firstInput(0, out, z.lags), min(count, out + side), TapColumn(z, z.taps, column), input);
  float* to = z.slots + ((std::size_t(firstSequence) + blockIdx.z) * z.capacity + position + out) * z.columns + column;
#pragma unroll
  for (int i = 0; i < side; ++i)
    if (out + i < outputs) to[std::size_t(i) * z.columns] += sums[i];
}

template <class Source>
void addPrompt(const MixerPrompt& prompt, const Source& source, const TiledView& z, const Launch& where) {
  const int left = z.capacity - prompt.position, reach = prompt.tokens + z.lags - 1;
  const int outputs = left < reach ? left : reach;
  if (outputs <= 0) return;
  launch(promptTileKernel<Source>,
         dim3(blocksFor(static_cast<std::size_t>(z.columns), 32),
              blocksFor(static_cast<std::size_t>(outputs), side * tileWarps), static_cast<unsigned>(prompt.sequences)),
         32 * tileWarps, 0, where, source, z, prompt.firstSequence, prompt.position, prompt.tokens, outputs);
}

// How many past inputs a step adds itself.
__device__ inline int newestInputs(const Control& control, int lags) {
  const int done = control.position - control.firstStep;
  return min(min(done, done % tileRows + tileRows), lags - 1);
}

}  // namespace engine::cuda
