// The modal recurrence in blocks (engine/cpu/blocked.h): most tokens read one response and a few past inputs; once in
// `length` tokens a group folds its inputs into the state and makes the next responses (turns.cu). Groups take turns.
#include <algorithm>

#include "engine/cuda/blocks.cuh"

namespace engine::cuda {
namespace {

constexpr int mostWarps = 4;               // of a block of threads, each with a group of its own
constexpr int quarters = groupSize / 4;    // threads that share a sequence, four channels each
constexpr int tile = 32 / quarters;        // sequences of a warp at once
constexpr unsigned warpsAtOnce = 20;       // of a multiprocessor
constexpr unsigned multiprocessors = 132;  // of the boards this is tuned for

// Four neighbours: one load.
template <class T>
struct Four;
template <>
struct Four<Half> {
  uint2 raw;
  __device__ void load(const Half* from) { raw = *reinterpret_cast<const uint2*>(from); }
  __device__ void store(Half* to) const { *reinterpret_cast<uint2*>(to) = raw; }
  __device__ void clear() { raw = make_uint2(0, 0); }
  __device__ void pack(const float (&x)[4]) {
    const __nv_bfloat162 low = __floats2bfloat162_rn(x[0], x[1]), high = __floats2bfloat162_rn(x[2], x[3]);
    raw = make_uint2(*reinterpret_cast<const unsigned*>(&low), *reinterpret_cast<const unsigned*>(&high));
  }
  __device__ void unpack(float (&to)[4]) const {
    to[0] = __uint_as_float(raw.x << 16), to[1] = __uint_as_float(raw.x & 0xffff0000u);
    to[2] = __uint_as_float(raw.y << 16), to[3] = __uint_as_float(raw.y & 0xffff0000u);
  }
};
template <>
struct Four<float> {
  float4 raw;
  __device__ void load(const float* from) { raw = *reinterpret_cast<const float4*>(from); }
  __device__ void store(float* to) const { *reinterpret_cast<float4*>(to) = raw; }
  __device__ void clear() { raw = make_float4(0, 0, 0, 0); }
  __device__ void pack(const float (&x)[4]) { raw = make_float4(x[0], x[1], x[2], x[3]); }
  __device__ void unpack(float (&to)[4]) const { to[0] = raw.x, to[1] = raw.y, to[2] = raw.z, to[3] = raw.w; }
};
__device__ inline void addProduct(float (&sum)[4], const float4& factor, const float (&x)[4]) {
  sum[0] = fmaf(factor.x, x[0], sum[0]), sum[1] = fmaf(factor.y, x[1], sum[1]);
  sum[2] = fmaf(factor.z, x[2], sum[2]), sum[3] = fmaf(factor.w, x[3], sum[3]);
}

constexpr int lags = 2;  // of the short filters whose numbers are at hand; longer ones take gateStep()
constexpr int filterRows = 3 * (lags + 2);  // by stream: taps, newest first, and the bias

// What a warp has in shared memory: filter rows, then taps of h^, [16] floats each; then rows of two tiles' past on
// their way, four channels a thread.
template <class T>
std::size_t bytesOfWarp(int length) {
  return (filterRows + length) * groupSize * sizeof(float) + 2 * (length - 1) * 32 * sizeof(Four<T>);
}

// Where the short filters' past lies in a sequence's history, -1: nowhere, and where the newest inputs go. Found once
// in a step: remainders for every sequence were a quarter of all instructions.
struct HistoryPlaces {
  int past[lags], newest;
  __device__ HistoryPlaces(const MixerStep& step, int position) {
    const int columns = streamColumns(step.stride), slots = step.shortFilter.taps - 1;
    newest = slots > 0 ? position % slots * columns : -1;
#pragma unroll
    for (int lag = 1; lag <= lags; ++lag)
      past[lag - 1] = lag <= slots && position >= lag ? (position - lag) % slots * columns : -1;
  }
};

// The gates of four neighbouring channels, whose inputs are asked for at once: as class Gates.
template <class T>
struct FourGates {
  Four<T> newest[3], past[lags][3];
  __device__ void loadNewest(const MixerStep& step, int sequence, int column) {
    const T* streams =
        static_cast<const T*>(step.streams) + std::size_t(sequence) * streamColumns(step.stride) + column;
#pragma unroll
    for (int s = 0; s < 3; ++s) newest[s].load(streams + s * streamChannels);
  }
  __device__ void loadPast(const MixerStep& step, const HistoryPlaces& places, int sequence, int column) {
    const int columns = streamColumns(step.stride), slots = step.shortFilter.taps - 1;
    const T* history =
        static_cast<const T*>(step.shortFilter.history) + std::size_t(sequence) * slots * columns + column;
#pragma unroll
    for (int lag = 0; lag < lags; ++lag)
#pragma unroll
      for (int s = 0; s < 3; ++s) {
        past[lag][s].clear();
        if (places.past[lag] >= 0) past[lag][s].load(history + places.past[lag] + s * streamChannels);
      }
  }
  // filter: rows of this thread's four channels. The newest inputs go into the history.
  __device__ void apply(const MixerStep& step, const HistoryPlaces& places, const float* filter, int sequence,
                        int column, float (&gate)[4], float (&input)[4]) const {
    float y[3][4];
#pragma unroll
    for (int s = 0; s < 3; ++s) {
      const auto numbers = [&](int lag) {
        return *reinterpret_cast<const float4*>(filter + (s * (lags + 2) + lag) * groupSize);
      };
      const float4 bias = numbers(lags + 1);
      y[s][0] = bias.x, y[s][1] = bias.y, y[s][2] = bias.z, y[s][3] = bias.w;
      float x[4];
      newest[s].unpack(x);
      addProduct(y[s], numbers(0), x);
#pragma unroll
      for (int lag = 1; lag <= lags; ++lag) {
        past[lag - 1][s].unpack(x);
        addProduct(y[s], numbers(lag), x);
      }
    }
#pragma unroll
    for (int e = 0; e < 4; ++e) gate[e] = y[0][e], input[e] = rounded<T>(y[1][e] * y[2][e]);
    const int slots = step.shortFilter.taps - 1, columns = streamColumns(step.stride);
    if (slots == 0) return;
    T* history =
        static_cast<T*>(step.shortFilter.history) + std::size_t(sequence) * slots * columns + places.newest + column;
#pragma unroll
    for (int s = 0; s < 3; ++s) newest[s].store(history + s * streamChannels);
  }
};

template <class T>
__device__ inline void copyAhead(Four<T>* to, const T* from) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(static_cast<unsigned>(__cvta_generic_to_shared(to))),
               "l"(from), "n"(sizeof(Four<T>))
               : "memory");
}

// A warp has a group and walks through its share of the sequences, the next ones on their way: their past into shared
// memory, where every thread reads what it has asked for itself, the rest into registers.
template <class T>
__global__ __launch_bounds__(32 * mostWarps,
                             sizeof(T) == 2 ? warpsAtOnce / mostWarps : 2) void stepKernel(MixerStep step, ModalView m,
                                                                                           BlockView b, int bytes) {
  extern __shared__ __align__(16) unsigned char memory[];
  letSuccessorStart();
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, length = b.length;
  const int group = blockIdx.x * (blockDim.x / 32) + warp;
  if (group >= m.groups) return;
  float* const filter = reinterpret_cast<float*>(memory + warp * bytes);
  float* const taps = filter + filterRows * groupSize;
  Four<T>* const slots = reinterpret_cast<Four<T>*>(taps + length * groupSize) + lane;
  const std::int32_t* order = m.order + group * groupSize;
  const bool fits = step.shortFilter.taps <= lags + 1;
  const int place = lane % quarters * 4;
  const int4 column = *reinterpret_cast<const int4*>(order + place);
  const float4 direct = *reinterpret_cast<const float4*>(m.direct + group * groupSize + place);
  for (int i = lane; i < length * quarters; i += 32)
    reinterpret_cast<float4*>(taps)[i] =
        reinterpret_cast<const float4*>(b.taps + std::size_t(group) * length * groupSize)[i];
  const int own = order[lane % groupSize];
#pragma unroll
  for (int i = 0; i < filterRows / 2; ++i) {
    const int row = 2 * i + lane / groupSize, s = row / (lags + 2), lag = row % (lags + 2);
    const ShortView& f = step.shortFilter;
    float value = 0;
    if (own >= 0 && (lag > lags || lag < f.taps))
      value = lag > lags ? f.bias[streamColumn(s, own)]
                         : f.weight[std::size_t(lag) * streamColumns(step.stride) + streamColumn(s, own)];
    filter[row * groupSize + lane % groupSize] = value;
  }
  __syncwarp();
  // Usually four neighbouring channels of the model, too.
  const bool together = fits && column.x >= 0 && column.x % 4 == 0 && column.y == column.x + 1 &&
                        column.z == column.x + 2 && column.w == column.x + 3;
  const int at = streamColumn(0, column.x), tiles = (step.batch + tile - 1) / tile;
  // Nothing before this kernel in the same token writes the position, or what is kept of earlier ones.
  const int position = step.control->position;
  const int now = phaseOf(b, group, position), start = startOf(*step.control, now);
  const int rowStride = step.batch * groupSize;
  const HistoryPlaces places(step, position);
  // Of this thread's sequence of tile 0.
  T* const inputs = static_cast<T*>(b.inputs) + blockRow(b, step.batch, group, 0, lane / quarters) + place;
  const float* responses = b.responses + blockRow(b, step.batch, group, now, lane / quarters) + place;

  FourGates<T> coming;
  float4 comingResponse;
  const auto there = [&](int index) { return index < tiles && index * tile + lane / quarters < step.batch; };
  const auto fetchPast = [&](int index, int side) {
    if (there(index)) {
      Four<T>* to = slots + side * (length - 1) * 32;
      const T* from = inputs + std::size_t(start) * rowStride + index * tile * groupSize;
      for (int r = start; r < now; ++r, from += rowStride, to += 32) copyAhead(to, from);
      if (together) coming.loadPast(step, places, index * tile + lane / quarters, at);
      comingResponse = *reinterpret_cast<const float4*>(responses + index * tile * groupSize);
    }
    asm volatile("cp.async.commit_group;");
  };
  const auto fetchNewest = [&](int index) {
    if (together && there(index)) coming.loadNewest(step, index * tile + lane / quarters, at);
  };
  int side = 0;
  fetchPast(blockIdx.y, side);
  waitForPredecessor();
  fetchNewest(blockIdx.y);
  for (int index = blockIdx.y; index < tiles; index += gridDim.y, side ^= 1) {
    const int sequence = index * tile + lane / quarters;
    const bool present = there(index);
    const float4 response = comingResponse;
    float gate[4] = {}, input[4] = {}, sum[4] = {};
    if (present) {
      if (together) {
        coming.apply(step, places, filter + place, sequence, at, gate, input);
      } else {
        const int columns[4] = {column.x, column.y, column.z, column.w};
#pragma unroll
        for (int e = 0; e < 4; ++e)
          if (columns[e] >= 0) gateStep<T>(step, sequence, position, columns[e], gate[e], input[e]);
      }
      Four<T> kept;
      kept.pack(input);
      kept.store(inputs + std::size_t(now) * rowStride + index * tile * groupSize);
    }
    fetchNewest(index + gridDim.y);
    fetchPast(index + gridDim.y, side ^ 1);
    asm volatile("cp.async.wait_group 1;" ::: "memory");
    if (!present) continue;
    const Four<T>* past = slots + side * (length - 1) * 32;
    const float* tap = taps + (now - start) * groupSize + place;
#pragma unroll 4
    for (int r = start; r < now; ++r, past += 32, tap -= groupSize) {
      float x[4];
      past->unpack(x);
      addProduct(sum, *reinterpret_cast<const float4*>(tap), x);
    }
    const float z[4] = {response.x, response.y, response.z, response.w};
    const float d[4] = {direct.x, direct.y, direct.z, direct.w};
    float out[4];
#pragma unroll
    for (int e = 0; e < 4; ++e) out[e] = gate[e] * (fmaf(d[e], input[e], z[e]) + sum[e]);
    T* to = static_cast<T*>(step.out) + std::size_t(sequence) * step.stride;
    if (together) {
      Four<T> four;
      four.pack(out);
      four.store(to + column.x);
    } else {
      if (column.x >= 0) to[column.x] = fromFloat<T>(out[0]);
      if (column.y >= 0) to[column.y] = fromFloat<T>(out[1]);
      if (column.z >= 0) to[column.z] = fromFloat<T>(out[2]);
      if (column.w >= 0) to[column.w] = fromFloat<T>(out[3]);
    }
  }
}

template <class T>
void stepAll(const MixerStep& step, const ModalView& m, const BlockView& b, const Launch& where) {
  const std::size_t bytes = bytesOfWarp<T>(b.length);
  // As many warps as are at work at once, each with as many sequences as there are left for it. Four in a block, unless
  // fewer would be at work then.
  const auto atWork = [&](std::size_t warps) {
    const std::size_t blocks = (std::size_t{220} << 10) / (warps * bytes + 1024);
    return std::min(static_cast<unsigned>(blocks * warps), warpsAtOnce);
  };
  const unsigned warps = atWork(mostWarps) >= atWork(1) ? mostWarps : 1;
  const unsigned groups = blocksFor(m.groups, warps), blocks = multiprocessors * atWork(warps) / warps;
  const unsigned shares = std::min(std::max(blocks / groups, 1U), blocksFor(step.batch, tile));
  launch(stepKernel<T>, dim3(groups, shares), 32 * warps, warps * bytes, where, step, m, b, static_cast<int>(bytes));
}

}  // namespace

void stepBlocked(const MixerStep& step, const ModalView& m, const BlockView& b, Type type, const Launch& where) {
  type == Type::float32 ? stepAll<float>(step, m, b, where) : stepAll<Half>(step, m, b, where);
  turnBlocks(step, m, b, type, where);
}

}  // namespace engine::cuda
