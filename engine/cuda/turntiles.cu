// The end of a block (turns.cu) on tensor cores: for a channel, what inputs [sequences, m] add to the states is their
// product with powers [m, modes], the next responses [sequences, m] that of the states with R lambda^j [modes, m].
// Inputs are bfloat16 anyway; the powers are split into three terms of it, so that states stay exact to float32; old
// states are multiplied on lanes. Responses take two terms of states and table, as prompts do (chunks.cu). States come
// and go through shared memory while others are multiplied.
#include <algorithm>

#include "engine/cuda/blocks.cuh"
#include "engine/cuda/turntables.cuh"

namespace engine::cuda {
namespace {

constexpr int together = 2 * chunk;  // modes of a stage
constexpr int threads = 512;
constexpr int mostTurned = 64;  // modes of a channel
// Sequences; fewer are done sooner on lanes, which are better at usual blocks.
constexpr int fewestTurned = 64, fewestUsual = 128;
constexpr unsigned multiprocessors = 132;  // of the boards this is tuned for

// Products over 16 `Depth` tokens, right-aligned: those before the block's first are zero. Kept: at most 16 modes,
// whose constant sides stay in registers; a warp has a channel and 16 rows. Otherwise they are made for every stage:
// two warps share a channel's modes, and use them for 32 rows.
template <int Depth, bool Kept>
struct Layout {
  static constexpr int channels = Kept ? groupSize : groupSize / 2, halves = groupSize / channels;  // 1 or 2
  static constexpr int tiles = Kept ? 1 : 2, rows = 16 * tiles;                                     // sequences at once
  static constexpr int chunks = Kept ? 2 : 1;  // of a warp in a stage
  static constexpr int tokens = 16 * Depth;
  static constexpr int regionBytes = rows * chunk * 8 + 16;  // of a channel's chunk: [rows][chunk] states, and a gap
  static constexpr int stageBytes = 2 * channels * regionBytes;
  static constexpr int inputStride = tokens * 2 + (Kept ? 8 : 0);  // of a row
  static constexpr int inputBytes = rows * inputStride + 16;       // of a channel
  static constexpr int sumStride = rows + 4;                       // of a phase
  static constexpr int sumFloats = tokens * sumStride + 4;         // of a channel
  static constexpr std::size_t bytes(int stages, int slots) {
    return std::size_t(stages) * stageBytes + channels * inputBytes +
           (Kept ? 2 : 1) * channels * sumFloats * sizeof(float) +
           std::size_t((slots + together - 1) / together) * 2 * channels * sizeof(Table);
  }
  // Where a mode of a channel lies in its chunk: neighbours change places, so that 16 channels meet no bank twice.
  __device__ static int placeOf(int slot, int channel) { return slot % chunk ^ (Kept ? channel / 8 : 0); }
};

__device__ inline void copyAhead(void* to, const float* from, bool pair, bool there) {
  const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(to));
  if (pair) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(address), "l"(from), "r"(there ? 8 : 0)
                 : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(address), "l"(from), "r"(there ? 4 : 0)
                 : "memory");
    static_cast<float*>(to)[1] = 0;
  }
}

// A group or half of one, and its share of the sequences.
template <int Depth, bool Kept, int Stages>
__global__ __launch_bounds__(threads, 1) void turnTilesKernel(MixerStep step, ModalView m, BlockView b) {
  using L = Layout<Depth, Kept>;
  constexpr int channels = L::channels, rows = L::rows, tiles = L::tiles;
  extern __shared__ __align__(16) unsigned char memory[];
  unsigned char* const stages = memory;
  unsigned char* const inputs = stages + Stages * L::stageBytes;
  float* const sums = reinterpret_cast<float*>(inputs + channels * L::inputBytes);
  Table* const tables = reinterpret_cast<Table*>(sums + (Kept ? 2 : 1) * channels * L::sumFloats);
  letSuccessorStart();
  waitForPredecessor();
  const int group = turningGroup(b, blockIdx.x / L::halves, step.control->position);
  const int blockSide = blockIdx.x % L::halves * channels;
  if (group >= m.groups) return;
  const int length = b.length, start = startOf(*step.control, length - 1);
  const GroupView g = m.group[group];
  const int slots = g.pairs + g.reals, parts = max(1, (slots + together - 1) / together);
  const int passes = (step.batch + rows - 1) / rows, shares = gridDim.y;
  const int firstPass = passes * blockIdx.y / shares, items = (passes * (blockIdx.y + 1) / shares - firstPass) * parts;

  // States are copied by (row, mode, channel): this thread has a mode of every stage and a channel, every rowStep-th
  // row. The same in both directions, so that it may overwrite what it has copied.
  const int thread = threadIdx.x, copied = thread / channels % together, copyRow = thread / (channels * together);
  const int copyPlace = (copied / chunk * channels + thread % channels) * L::regionBytes +
                        (copyRow * chunk + L::placeOf(copied, thread % channels)) * 8;
  constexpr int copies = rows * channels * together / threads, rowStep = threads / (channels * together);
  const auto stateAt = [&](int item, bool& pair) {
    const int slot = item % parts * together + copied;
    pair = slot < g.pairs || slot >= slots;
    return slot < slots
               ? stateOf(m, g, (firstPass + item / parts) * rows + copyRow, slot, blockSide + thread % channels)
               : nullptr;
  };
  const auto fetch = [&](int item, int stage) {
    if (item < items) {
      bool pair;
      const float* from = stateAt(item, pair);
      unsigned char* to = stages + stage * L::stageBytes + copyPlace;
      const int sequence = (firstPass + item / parts) * rows + copyRow;
#pragma unroll
      for (int i = 0; i < copies; ++i) {
        const bool there = from && sequence + i * rowStep < step.batch;
        copyAhead(to + i * rowStep * chunk * 8, there ? from + i * rowStep * stateStride(g) : m.state, pair, there);
      }
    }
    asm volatile("cp.async.commit_group;");
  };
  const auto store = [&](int item, int stage) {
    bool pair;
    float* to = stateAt(item, pair);
    if (!to) return;
    const unsigned char* from = stages + stage * L::stageBytes + copyPlace;
    const int sequence = (firstPass + item / parts) * rows + copyRow;
    float2 x[copies];
#pragma unroll
    for (int i = 0; i < copies; ++i) x[i] = *reinterpret_cast<const float2*>(from + i * rowStep * chunk * 8);
#pragma unroll
    for (int i = 0; i < copies; ++i)
      if (sequence + i * rowStep < step.batch) storeState(to + i * rowStep * stateStride(g), pair, x[i].x, x[i].y);
  };
  // Inputs of two neighbouring tokens of a row and eight channels. A warp has 16 rows and both eights, or 8 rows and 4
  // pairs of tokens.
  const int inputRow = Kept ? thread / 2 % 16 : thread % 8 + thread / 32 % 4 * 8, inputSide = Kept ? thread % 2 * 8 : 0;
  const int inputPair = Kept ? thread / 32 : thread / 8 % 4 + thread / 128 * 4;
  const bool takesInputs = inputPair < L::tokens / 2;
  uint4 coming[2];
  const auto fetchInputs = [&](int pass) {
    const int sequence = pass * rows + inputRow;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int token = 2 * inputPair + i - (L::tokens - length);
      coming[i] = make_uint4(0, 0, 0, 0);
      if (takesInputs && sequence < step.batch && token >= start)
        coming[i] =
            *reinterpret_cast<const uint4*>(static_cast<const Half*>(b.inputs) +
                                            blockRow(b, step.batch, group, token, sequence) + blockSide + inputSide);
    }
  };
  const auto keepInputs = [&] {
    if (!takesInputs) return;
    unsigned char* to = inputs + inputSide * L::inputBytes + inputRow * L::inputStride + inputPair * 4;
    const unsigned first[4] = {coming[0].x, coming[0].y, coming[0].z, coming[0].w};
    const unsigned second[4] = {coming[1].x, coming[1].y, coming[1].z, coming[1].w};
#pragma unroll
    for (int c = 0; c < 8; ++c)
      *reinterpret_cast<unsigned*>(to + c * L::inputBytes) =
          __byte_perm(first[c / 2], second[c / 2], c % 2 == 0 ? 0x5410 : 0x7632);
  };

  fetchInputs(firstPass);
  for (int i = 0; i < Stages; ++i) fetch(i, i);
  for (int i = thread; i < parts * together * channels; i += threads) {
    const int slot = i / channels, channel = i % channels;
    Slot c = {};
    if (slot < slots) c = loadSlot(m, g, slot, blockSide + channel);
    prepare<Depth>(c, slot < slots, length - start, tables[slot / chunk * channels + channel],
                   L::placeOf(slot, channel));
  }
  keepInputs();
  if (items > parts) fetchInputs(firstPass + 1);

  const int warp = thread / 32, lane = thread % 32, quarter = lane % 4, row = lane / 4;
  const int channel = warp % channels, half = warp / channels;
  Sides<Depth> sides[L::chunks];
  float4 powers[L::chunks][2];
  const auto load = [&](const Table& table, int k) {
    powers[k][0] = table.power[2 * quarter], powers[k][1] = table.power[2 * quarter + 1];
  };
  if (Kept) {
    __syncthreads();
#pragma unroll
    for (int k = 0; k < L::chunks; ++k) {
      const Table& table = tables[k * channels + channel];
      load(table, k);
      makeGather(table, sides[k]);
      makeResponses(table, sides[k]);
    }
  }
  float y[tiles][2 * Depth][4] = {};
  // Sums of this warp's channel: where two share it, the second leaves its own, to which the first adds.
  const auto eachSum = [&](int side, auto&& work) {
    float* to = sums + (side * channels + channel) * L::sumFloats + row;
#pragma unroll
    for (int t = 0; t < tiles; ++t)
#pragma unroll
      for (int n = 0; n < 2 * Depth; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i)
          work(to[(8 * n + 2 * quarter + i % 2) * L::sumStride + 16 * t + i / 2 * 8], y[t][n][i]);
  };
  // Four channels of a phase and row.
  const auto storeResponses = [&](int pass, int side) {
    constexpr int fours = channels / 4;
    const int four = thread % fours * 4, r = thread / fours % rows, sequence = pass * rows + r;
    if (sequence >= step.batch) return;
    const float* from = sums + (side * channels + four) * L::sumFloats + r;
    for (int phase = thread / (fours * rows); phase < length; phase += threads / (fours * rows)) {
      const float* at = from + phase * L::sumStride;
      *reinterpret_cast<float4*>(b.responses + blockRow(b, step.batch, group, phase, sequence) + blockSide + four) =
          make_float4(at[0], at[L::sumFloats], at[2 * L::sumFloats], at[3 * L::sumFloats]);
    }
  };
  // Between two meetings: what the item before has left goes out, the stage it leaves is filled again, and this one is
  // multiplied.
  int part = 0, stage = 0, pass = firstPass, sumSide = 0;
  for (int item = 0; item <= items; ++item) {
    if (item == 0)
      asm volatile("cp.async.wait_group %0;" ::"n"(Stages - 1) : "memory");
    else
      asm volatile("cp.async.wait_group %0;" ::"n"(Stages - 2) : "memory");
    __syncthreads();
    const bool ended = item > 0 && part == 0;  // a pass
    if (ended) {
      if (!Kept && half == 0) eachSum(sumSide, [](float& sum, float own) { sum += own; });
#pragma unroll
      for (int t = 0; t < tiles; ++t)
#pragma unroll
        for (int n = 0; n < 2 * Depth; ++n)
#pragma unroll
          for (int i = 0; i < 4; ++i) y[t][n][i] = 0;
      keepInputs();
      if (item + parts < items) fetchInputs(pass + 2);
      __syncthreads();
    }
    if (item > 0) {
      const int before = stage == 0 ? Stages - 1 : stage - 1;
      store(item - 1, before);
      fetch(item - 1 + Stages, before);
    }
    if (ended) {
      storeResponses(pass++, sumSide);
      if (Kept)
        sumSide ^= 1;
      else if (parts == 1)
        __syncthreads();
    }
    if (item == items) break;

    unsigned u[tiles][Depth][4];
#pragma unroll
    for (int t = 0; t < tiles; ++t)
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const unsigned char* from = inputs + channel * L::inputBytes + (16 * t + 8 * i + row) * L::inputStride;
        if (Depth == 1) {
          const uint2 four = reinterpret_cast<const uint2*>(from)[quarter];
          u[t][0][i] = four.x, u[t][0][i + 2] = four.y;
        } else {
          const uint4 eight = reinterpret_cast<const uint4*>(from)[quarter];
          u[t][0][i] = eight.x, u[t][0][i + 2] = eight.y;
          u[t][Depth - 1][i] = eight.z, u[t][Depth - 1][i + 2] = eight.w;
        }
      }
#pragma unroll
    for (int c = 0; c < L::chunks; ++c) {
      const int region = (Kept ? c : half) * channels + channel;
      const Table& table = tables[2 * part * channels + region];
      Sides<Depth>& side = sides[c];
      if (!Kept) {
        load(table, c);
        makeGather(table, side);
      }
      float re[tiles][4] = {}, im[tiles][4] = {};
#pragma unroll
      for (int k = 2; k >= 0; --k)
#pragma unroll
        for (int s = 0; s < Depth; ++s)
#pragma unroll
          for (int t = 0; t < tiles; ++t) {
            multiplyAdd(re[t], u[t][s], side.gather[0][s][k][0], side.gather[0][s][k][1]);
            multiplyAdd(im[t], u[t][s], side.gather[1][s][k][0], side.gather[1][s][k][1]);
          }
      unsigned high[tiles][4], low[tiles][4];
#pragma unroll
      for (int t = 0; t < tiles; ++t)
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          float4* at = reinterpret_cast<float4*>(stages + stage * L::stageBytes + region * L::regionBytes +
                                                 (16 * t + 8 * i + row) * chunk * 8) +
                       quarter;
          const float4 x = *at, &p = powers[c][0], &q = powers[c][1];
          float4 next = make_float4(re[t][2 * i], im[t][2 * i], re[t][2 * i + 1], im[t][2 * i + 1]);
          Power{p.x, p.y, p.z, p.w}.addTo(next.x, next.y, x.x, x.y);
          Power{q.x, q.y, q.z, q.w}.addTo(next.z, next.w, x.z, x.w);
          *at = next;
          unsigned terms[2];
          split<2>(next.x, next.z, terms);
          high[t][i] = terms[0], low[t][i] = terms[1];
          split<2>(next.y, next.w, terms);
          high[t][i + 2] = terms[0], low[t][i + 2] = terms[1];
        }
      if (!Kept) makeResponses(table, side);
      const auto respond = [&](const unsigned(&states)[tiles][4], int term) {
#pragma unroll
        for (int t = 0; t < tiles; ++t)
#pragma unroll
          for (int n = 0; n < 2 * Depth; ++n)
            multiplyAdd(y[t][n], states[t], side.responses[n][term][0], side.responses[n][term][1]);
      };
      respond(low, 0);
      respond(high, 1);
      respond(high, 0);
    }
    part = part + 1 == parts ? 0 : part + 1;
    stage = stage + 1 == Stages ? 0 : stage + 1;
    if (part == 0 && (Kept || half == 1)) eachSum(sumSide, [](float& sum, float own) { sum = own; });
  }
}

}  // namespace

bool turnTiles(const MixerStep& step, const ModalView& m, const BlockView& b, Type type, const Launch& where) {
  if (type != Type::bfloat16 || b.batchInvariant || m.mostSlots > mostTurned || b.length > 32) return false;
  if (step.batch < (usualTurns(m, b) ? fewestUsual : fewestTurned)) return false;
  const auto go = [&](auto kernel, auto layout, int stages) {
    using L = decltype(layout);
    const std::size_t bytes = L::bytes(stages, m.mostSlots);
    if (bytes > sharedBytesOfBlock()) return false;
    const unsigned turning = L::halves * blocksFor(m.groups, b.length), passes = blocksFor(step.batch, L::rows);
    const dim3 grid(turning, std::min(std::max(multiprocessors / turning, 1U), passes));
    launch(kernel, grid, threads, bytes, where, step, m, b);
    return true;
  };
  if (b.length > 16) return go(turnTilesKernel<2, false, 3>, Layout<2, false>{}, 3);
  if (m.mostSlots > together) return go(turnTilesKernel<1, false, 3>, Layout<1, false>{}, 3);
  return go(turnTilesKernel<1, true, 4>, Layout<1, true>{}, 4);
}

}  // namespace engine::cuda
