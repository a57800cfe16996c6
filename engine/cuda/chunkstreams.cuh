// What the chunks' kernel multiplies (chunks.cu): the streams of a group of channels on their way into shared memory, and
// the short filter there.
#pragma once

#include "engine/cuda/mixer.cuh"

namespace engine::cuda {
namespace {

constexpr int chunk = 16;
constexpr int chunksAtOnce = 16;
constexpr int tokensAtOnce = chunk * chunksAtOnce;
constexpr int threads = 32 * groupSize;
constexpr int each = 8;  // tokens of a thread where inputs and outputs are moved
constexpr int past = 2;  // tokens before the first that the short filter reaches
constexpr int rowHalfs = 3 * streamChannels, rowEights = rowHalfs / 8;
constexpr int stagedRows = past + tokensAtOnce;

// Where a row of streams lies in a stage: 8 rows are followed by a gap against bank conflicts.
__device__ constexpr int stagedAt(int row) {
  return row * rowHalfs + row / 8 * 16;
}
constexpr int stagedHalfs = (stagedRows + 7) / 8 * (8 * rowHalfs + 16);

// The short filters of a group: by stream, the taps, newest first, and the bias.
struct ShortFilters {
  float numbers[3][past + 2][groupSize];
  __device__ void fill(const MixerPrompt& prompt, const std::int32_t* order) {
    const ShortView& f = prompt.shortFilter;
    const int own = threadIdx.x % groupSize, lag = threadIdx.x / groupSize % (past + 2);
    const int s = threadIdx.x / groupSize / (past + 2), channel = order[own];
    if (s >= 3) return;
    const int column = channel < 0 ? 0 : streamColumn(s, channel);
    const float bias = f.bias[column];
    numbers[s][lag][own] = channel < 0 ? 0
                           : lag > past ? bias
                           : lag < f.taps ? f.weight[std::size_t(lag) * streamColumns(prompt.stride) + column]
                                          : 0;
  }
  // Stream `s` of `each` tokens, the first of which lies `past` rows behind `row`.
  __device__ void apply(const Half* stage, int row, int own, int s, float (&y)[each]) const {
    float raw[past + each];
#pragma unroll
    for (int i = 0; i < past + each; ++i) raw[i] = toFloat(stage[stagedAt(row + i) + s * streamChannels + own]);
    const auto& n = numbers[s];
    const float newest = n[0][own], second = n[1][own], third = n[2][own], bias = n[3][own];
#pragma unroll
    for (int i = 0; i < each; ++i) y[i] = bias + newest * raw[i + 2] + second * raw[i + 1] + third * raw[i];
  }
};

// The streams of a group on their way into shared memory: tokens [first - past, first + tokensAtOnce) of a sequence,
// zeros where there are none and from `end` on. `together`: where the group's channels lie next to each other in the
// streams, or -1.
__device__ inline void fetchStreams(const MixerPrompt& prompt, int index, int first, int end, const std::int32_t* order,
                                    int together, Half* to) {
  const ShortView& f = prompt.shortFilter;
  const int columns = streamColumns(prompt.stride), slots = f.taps - 1;
  const Half* streams = static_cast<const Half*>(prompt.streams) + std::size_t(index) * prompt.tokens * columns;
  const Half* history =
      static_cast<const Half*>(f.history) + std::size_t(prompt.firstSequence + index) * slots * columns;
  const auto rowAt = [&](int row) -> const Half* {
    const int t = first - past + row, at = prompt.position + t;
    if (t >= 0) return t < end ? streams + std::size_t(t) * columns : nullptr;
    return at >= 0 && -t <= slots ? history + std::size_t(at % slots) * columns : nullptr;
  };
  if (together >= 0) {  // 16 bytes a thread, of the same columns in every row
    constexpr int rowsAtOnce = threads / rowEights / 8 * 8;  // so that gaps repeat
    const int firstRow = threadIdx.x / rowEights, part = threadIdx.x % rowEights * 8;
    if (firstRow >= rowsAtOnce) return;
    const int column = together + part, t = first - past + firstRow;
    const Half* from =
        static_cast<const Half*>(prompt.streams) + column + std::ptrdiff_t(index * prompt.tokens + t) * columns;
    const unsigned at = static_cast<unsigned>(__cvta_generic_to_shared(to + stagedAt(firstRow) + part));
    const auto copy = [&](int i, const Half* source, bool inside) {
      asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                       at + i * static_cast<int>(stagedAt(rowsAtOnce) * sizeof(Half))),
                   "l"(source), "r"(inside ? 16 : 0)
                   : "memory");
    };
    if (t < 0) {
      const Half* before = rowAt(firstRow);
      copy(0, before ? before + column : streams, before != nullptr);
    } else {
      copy(0, from, t < end);
    }
#pragma unroll
    for (int i = 1; i * rowsAtOnce < stagedRows; ++i) {
      from += rowsAtOnce * columns;
      if ((i + 1) * rowsAtOnce <= stagedRows || firstRow + i * rowsAtOnce < stagedRows)
        copy(i, from, t + i * rowsAtOnce < end);
    }
    return;
  }
  for (int i = threadIdx.x; i < stagedRows * rowHalfs; i += threads) {
    const int row = i / rowHalfs, stream = i % rowHalfs / streamChannels, channel = order[i % streamChannels];
    const Half* from = rowAt(row);
    to[stagedAt(row) + i % rowHalfs] = from && channel >= 0 ? from[streamColumn(stream, channel)] : fromFloat<Half>(0);
  }
}

}  // namespace
}  // namespace engine::cuda
