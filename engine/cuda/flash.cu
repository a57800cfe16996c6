// Attention of a prompt as FlashAttention-3 lays it out (Shah et al. 2024): causal, online softmax. One group of warps asks
// for tiles of keys and values, the others multiply 64 queries each: while the tensor cores weight the values of one tile,
// the softmax of the next one runs. Tiles that no query of a block sees are left out.
#include "engine/cuda/flash.h"

#include "engine/cuda/rows.h"
#include "engine/cuda/warpgroup.cuh"

namespace engine::cuda {
namespace {

constexpr int groupThreads = 128;
constexpr int groupQueries = 64;
constexpr int keyLines = 128;  // keys of a tile
constexpr int stages = 2;

// Groups: that multiply. Registers go from the group that asks to those.
template <int Width, int Groups>
struct FlashLayout {
  static constexpr int threads = (Groups + 1) * groupThreads, queries = Groups * groupQueries;
  static constexpr int queryBytes = queries * Width * 2, tileBytes = keyLines * Width * 2;
  static constexpr int shared = queryBytes + 2 * stages * tileBytes + swizzleBytes;
  static constexpr int askingRegisters = Groups == 3 ? 32 : 24, registers = Groups == 3 ? 160 : 240;
};

#if __CUDA_ARCH__ >= 900

// 2^x, 0 for -inf.
__device__ inline float power2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// Where a tile has arrived, and where it has been read.
struct Tracks {
  std::uint64_t queries, keys[2][stages], values[2][stages];  // filled, emptied
};

// What a thread of a multiplying group knows of its two rows (l / 4 and 8 further of its warp's 16).
template <int Width>
struct Rows {
  float largest[2] = {-INFINITY, -INFINITY}, total[2] = {0, 0};
  float scores[64];
  unsigned weights[32];
  float out[Width / 2] = {};

  // Scores of keys from `key` on to weights of the same place; queries from `query` on see keys up to themselves. old: what
  // earlier sums are worth now.
  template <bool Masked>
  __device__ void soften(int key, int query, float scale, float (&old)[2]) {
    const int lane = threadIdx.x % 32;
    float most[2][2];  // of even and odd columns: shorter chains
#pragma unroll
    for (int r = 0; r < 2; ++r) most[r][0] = most[r][1] = largest[r];
#pragma unroll
    for (int n = 0; n < keyLines / 8; ++n)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        float& score = scores[4 * n + e];
        if (Masked && key + 8 * n + lane % 4 * 2 + e % 2 > query + e / 2 * 8) score = -INFINITY;
        most[e / 2][e % 2] = fmaxf(most[e / 2][e % 2], score);
      }
    float base[2], sums[2][2] = {};
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      float next = fmaxf(most[r][0], most[r][1]);
      next = fmaxf(next, __shfl_xor_sync(0xffffffffu, next, 1));
      next = fmaxf(next, __shfl_xor_sync(0xffffffffu, next, 2));
      base[r] = next == -INFINITY ? 0 : next * scale;
      old[r] = power2(fmaf(largest[r], scale, -base[r]));
      largest[r] = next;
    }
#pragma unroll
    for (int i = 0; i < 64; ++i) {
      scores[i] = power2(fmaf(scores[i], scale, -base[i / 2 % 2]));
      sums[i / 2 % 2][i % 2] += scores[i];
    }
#pragma unroll
    for (int r = 0; r < 2; ++r) total[r] = fmaf(total[r], old[r], sums[r][0] + sums[r][1]);
  }
  __device__ void packWeights() {
#pragma unroll
    for (int i = 0; i < 32; ++i) weights[i] = pack(scores[2 * i], scores[2 * i + 1]);
  }
  __device__ void rescale(const float (&old)[2]) {
#pragma unroll
    for (int i = 0; i < Width / 2; ++i) out[i] *= old[i / 2 % 2];
  }
  // Queries [64, Width] and keys [keyLines, Width] in tiles of 64 columns, `queryLines` the height of the queries' ones.
  __device__ void issueScores(std::uint64_t queries, int queryLines, std::uint64_t keys) {
#pragma unroll
    for (int k = 0; k < Width / 16; ++k)
      scoreTiles(scores, queries + k / 4 * (queryLines * lineBytes >> 4) + 2 * (k % 4),
                 keys + k / 4 * (keyLines * lineBytes >> 4) + 2 * (k % 4), k > 0);
    commitProducts();
  }
  __device__ void issueValues(std::uint64_t values) {
#pragma unroll
    for (int k = 0; k < keyLines / 16; ++k)
      weightTiles(out, weights[4 * k], weights[4 * k + 1], weights[4 * k + 2], weights[4 * k + 3],
                  values + k * (16 * lineBytes >> 4));
    commitProducts();
  }
};

// Groups take turns at the tensor cores, so that one softens while another multiplies.
__device__ inline void awaitTurn(int group) {
  asm volatile("bar.sync %0, %1;" ::"r"(1 + group), "n"(2 * groupThreads) : "memory");
}
template <int Groups>
__device__ inline void passTurn(int group) {
  asm volatile("bar.arrive %0, %1;" ::"r"(1 + (group + 1) % Groups), "n"(2 * groupThreads) : "memory");
}

#endif

template <int Width, int Groups>
__global__ __launch_bounds__((FlashLayout<Width, Groups>::threads), 1) void flashKernel(
    const __grid_constant__ CUtensorMap queryMap, const __grid_constant__ CUtensorMap keyMap,
    const __grid_constant__ CUtensorMap valueMap, MixerPrompt prompt, AttentionView v) {
#if __CUDA_ARCH__ >= 900
  using Layout = FlashLayout<Width, Groups>;
  extern __shared__ unsigned char memory[];
  __shared__ Tracks tracks;
  letSuccessorStart();
  // The longest rows first: they decide when the kernel ends.
  const int t0 = static_cast<int>(gridDim.x - 1 - blockIdx.x) * Layout::queries, head = blockIdx.y;
  const int seen = prompt.position + min(t0 + Layout::queries, prompt.tokens);  // keys that any query here sees
  const int count = (seen + keyLines - 1) / keyLines, group = threadIdx.x / groupThreads;
  const unsigned unaligned = sharedAddress(memory), queryTile = unaligned + (-unaligned & (swizzleBytes - 1));
  const unsigned keyTiles = queryTile + Layout::queryBytes, valueTiles = keyTiles + stages * Layout::tileBytes;
  if (threadIdx.x == 0) {
    beginBarrier(sharedAddress(&tracks.queries), 1);
    for (int i = 0; i < stages; ++i) {
      beginBarrier(sharedAddress(&tracks.keys[0][i]), 1);
      beginBarrier(sharedAddress(&tracks.values[0][i]), 1);
      beginBarrier(sharedAddress(&tracks.keys[1][i]), 4 * Groups);
      beginBarrier(sharedAddress(&tracks.values[1][i]), 4 * Groups);
    }
    publishBarriers();
  }
  __syncthreads();

  if (group == Groups) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Layout::askingRegisters));
    if (threadIdx.x == Groups * groupThreads) {
      waitForPredecessor();
      const int matrix = (prompt.firstSequence + blockIdx.z) * v.keyHeads + head / (v.heads / v.keyHeads);
      const auto ask = [&](const CUtensorMap* map, unsigned tile, int bytes, int lines, int column, int line, int of,
                           std::uint64_t& barrier) {
        expectBytes(sharedAddress(&barrier), bytes);
#pragma unroll
        for (int half = 0; half < Width / tileInputs; ++half)
          loadTile(tile + half * lines * lineBytes, map, column + half * tileInputs, line, of, sharedAddress(&barrier));
      };
      ask(&queryMap, queryTile, Layout::queryBytes, Layout::queries, head * Width, t0, blockIdx.z, tracks.queries);
      RingPlace place;
      for (int index = count - 1; index >= 0; --index, place.step(stages)) {
        const int offset = place.slot * Layout::tileBytes;
        awaitPhase(sharedAddress(&tracks.keys[1][place.slot]), place.phase ^ 1);
        ask(&keyMap, keyTiles + offset, Layout::tileBytes, keyLines, 0, index * keyLines, matrix,
            tracks.keys[0][place.slot]);
        awaitPhase(sharedAddress(&tracks.values[1][place.slot]), place.phase ^ 1);
        ask(&valueMap, valueTiles + offset, Layout::tileBytes, keyLines, 0, index * keyLines, matrix,
            tracks.values[0][place.slot]);
      }
    }
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Layout::registers));
    const int lane = threadIdx.x % 32, row = group * groupQueries + threadIdx.x / 32 % 4 * 16 + lane / 4;
    const int firstQuery = prompt.position + t0 + group * groupQueries, query = prompt.position + t0 + row;
    const float scale = rsqrtf(static_cast<float>(Width)) * 1.4426950408889634F;
    const std::uint64_t queries = describe(queryTile + group * groupQueries * lineBytes);
    const auto keysAt = [&](int slot) { return describe(keyTiles + slot * Layout::tileBytes); };
    const auto valuesAt = [&](int slot) { return describeAcross(valueTiles + slot * Layout::tileBytes, keyLines); };
    const auto release = [&](std::uint64_t& barrier) {
      if (lane == 0) arriveAt(sharedAddress(&barrier));
    };
    const auto masked = [&](int index) { return index * keyLines + keyLines - 1 > firstQuery; };
    Rows<Width> rows;
    float old[2];
    RingPlace place, next;
    next.step(stages);
    if (group == Groups - 1) passTurn<Groups>(group);
    awaitPhase(sharedAddress(&tracks.queries), 0);
    awaitPhase(sharedAddress(&tracks.keys[0][0]), 0);
    awaitTurn(group);
    beginProducts();
    rows.issueScores(queries, Layout::queries, keysAt(0));
    passTurn<Groups>(group);
    awaitProducts<0>();
    pin(rows.scores);
    release(tracks.keys[1][0]);
    rows.template soften<true>((count - 1) * keyLines, query, scale, old);
    rows.packWeights();

    const auto advance = [&](auto causal, int index) {
      awaitPhase(sharedAddress(&tracks.keys[0][next.slot]), next.phase);
      awaitTurn(group);
      beginProducts();
      rows.issueScores(queries, Layout::queries, keysAt(next.slot));
      awaitPhase(sharedAddress(&tracks.values[0][place.slot]), place.phase);
      rows.issueValues(valuesAt(place.slot));
      passTurn<Groups>(group);
      awaitProducts<1>();
      pin(rows.scores);
      release(tracks.keys[1][next.slot]);
      rows.template soften<decltype(causal)::value>(index * keyLines, query, scale, old);
      awaitProducts<0>();
      pin(rows.out);
      pin(rows.weights);
      release(tracks.values[1][place.slot]);
      rows.rescale(old);
      rows.packWeights();
      place.step(stages);
      next.step(stages);
    };
    int index = count - 2;
#pragma unroll 1
    for (; index >= 0 && masked(index); --index) advance(std::true_type{}, index);
#pragma unroll 1
    for (; index >= 0; --index) advance(std::false_type{}, index);

    awaitPhase(sharedAddress(&tracks.values[0][place.slot]), place.phase);
    beginProducts();
    rows.issueValues(valuesAt(place.slot));
    awaitProducts<0>();
    pin(rows.out);
    const std::size_t row0 = std::size_t(blockIdx.z) * prompt.tokens + t0;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      float total = rows.total[r];
      total += __shfl_xor_sync(0xffffffffu, total, 1);
      total += __shfl_xor_sync(0xffffffffu, total, 2);
      const int t = row + 8 * r;
      if (t0 + t >= prompt.tokens) continue;
      const float share = 1 / total;
      Half* to = static_cast<Half*>(prompt.out) + (row0 + t) * prompt.stride + head * Width + lane % 4 * 2;
#pragma unroll
      for (int n = 0; n < Width / 8; ++n)
        *reinterpret_cast<unsigned*>(to + n * 8) =
            pack(rows.out[4 * n + 2 * r] * share, rows.out[4 * n + 2 * r + 1] * share);
    }
  }
#endif
}

template <int Width, int Groups>
void launchFlash(const MixerPrompt& prompt, const AttentionView& v, const Launch& where) {
  using Layout = FlashLayout<Width, Groups>;
  const auto size = [](auto value) { return static_cast<cuuint64_t>(value); };
  const cuuint64_t row = size(prompt.stride) + 2 * size(v.keyStride), tokens = size(prompt.tokens);
  const cuuint64_t querySizes[] = {size(prompt.stride), tokens, size(prompt.sequences)};
  const cuuint64_t queryStrides[] = {2 * row, 2 * row * tokens};
  // No further than what has been stored: the rest of the cache may hold anything.
  const cuuint64_t matrices = size(prompt.firstSequence + prompt.sequences) * size(v.keyHeads);
  const cuuint64_t sizes[] = {Width, size(prompt.position) + tokens, matrices};
  const cuuint64_t strides[] = {2 * Width, 2 * Width * size(v.capacity)};
  launch(flashKernel<Width, Groups>, dim3(blocksFor(tokens, Layout::queries), v.heads, prompt.sequences),
         Layout::threads, Layout::shared, where, tilesOf(prompt.streams, querySizes, queryStrides, Layout::queries),
         tilesOf(v.keys, sizes, strides, keyLines), tilesOf(v.values, sizes, strides, keyLines), prompt, v);
}

}  // namespace

bool flashAttention(const MixerPrompt& prompt, const AttentionView& v, const Launch& where) {
  const bool whole = prompt.stride == v.heads * v.headWidth && v.paddedHeadWidth == v.headWidth;
  if (!whole || (v.headWidth != 64 && v.headWidth != 128) || !canMultiplyRows()) return false;
  // Of narrow heads three groups: exponentials take as long as products, and more queries share a tile.
  v.headWidth == 128 ? launchFlash<128, 2>(prompt, v, where) : launchFlash<64, 3>(prompt, v, where);
  return true;
}

}  // namespace engine::cuda
