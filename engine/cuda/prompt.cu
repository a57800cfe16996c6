// Attention of a prompt: causal, online softmax. bfloat16 heads of 32, 64 or 128 channels run on tensor cores, see flash.h
// or here (mma.m16n8k16, as FlashAttention-2 lays it out: Dao 2023); everything else runs one query per warp.
#include "engine/cuda/flash.h"
#include "engine/cuda/tensor.cuh"

namespace engine::cuda {
namespace {

__device__ inline std::size_t rowOf(const MixerPrompt& prompt, const AttentionView& v) {
  return prompt.stride + 2 * v.keyStride;
}
// Where the keys of a query head begin, in rows of the cache.
__device__ inline std::size_t keysOf(const AttentionView& v, int sequence, int head) {
  return (std::size_t(sequence) * v.keyHeads + head / (v.heads / v.keyHeads)) * v.capacity;
}

// Keys and values of the piece into the cache, 8 channels a thread.
template <class T>
__global__ void appendKernel(MixerPrompt prompt, AttentionView v) {
  letSuccessorStart();
  waitForPredecessor();
  const int eights = v.paddedHeadWidth / 8, ofToken = v.keyHeads * eights;
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x), t = i / ofToken;
  if (t >= prompt.tokens) return;
  const int head = i % ofToken / eights, channel = i % eights * 8, sequence = prompt.firstSequence + blockIdx.y;
  const T* key = static_cast<const T*>(prompt.streams) +
                 (std::size_t(blockIdx.y) * prompt.tokens + t) * rowOf(prompt, v) + prompt.stride + head * v.headWidth;
  const std::size_t row = (std::size_t(sequence) * v.keyHeads + head) * v.capacity + prompt.position + t;
  T* keys = static_cast<T*>(v.keys) + row * v.paddedHeadWidth + channel;
  T* values = static_cast<T*>(v.values) + row * v.paddedHeadWidth + channel;
  if (v.headWidth % 8 == 0) {  // rows of a head start on 16 bytes
    Eight<T> a, b;
    a.load(key + channel);
    b.load(key + v.keyStride + channel);
    *reinterpret_cast<Eight<T>*>(keys) = a;
    *reinterpret_cast<Eight<T>*>(values) = b;
    return;
  }
#pragma unroll
  for (int e = 0; e < 8; ++e) {
    const bool inside = channel + e < v.headWidth;
    keys[e] = inside ? key[channel + e] : fromFloat<T>(0);
    values[e] = inside ? key[v.keyStride + channel + e] : fromFloat<T>(0);
  }
}

// One warp for each query; lane l has channels l, l + 32 ...
template <class T>
__global__ void plainKernel(MixerPrompt prompt, AttentionView v) {
  constexpr int most = 8;
  letSuccessorStart();
  waitForPredecessor();
  const int lane = threadIdx.x % 32, t = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, head = blockIdx.y;
  if (t >= prompt.tokens) return;
  const int sequence = prompt.firstSequence + blockIdx.z;
  const std::size_t row = std::size_t(blockIdx.z) * prompt.tokens + t;
  const T* query = static_cast<const T*>(prompt.streams) + row * rowOf(prompt, v) + head * v.headWidth;
  const std::size_t cache = keysOf(v, sequence, head) * v.paddedHeadWidth;
  const T* keys = static_cast<const T*>(v.keys) + cache;
  const T* values = static_cast<const T*>(v.values) + cache;
  const float scale = rsqrtf(static_cast<float>(v.headWidth));
  float q[most] = {}, sums[most] = {}, largest = -INFINITY, total = 0;
#pragma unroll
  for (int i = 0; i < most; ++i)
    if (lane + 32 * i < v.headWidth) q[i] = toFloat(query[lane + 32 * i]);
  for (int s = 0; s <= prompt.position + t; ++s) {
    float score = 0;
#pragma unroll
    for (int i = 0; i < most; ++i)
      if (lane + 32 * i < v.headWidth) score = fmaf(q[i], toFloat(keys[std::size_t(s) * v.paddedHeadWidth + lane + 32 * i]), score);
    score = warpSum(score) * scale;
    const float next = fmaxf(largest, score);
    const float old = largest == -INFINITY ? 0 : expf(largest - next), p = expf(score - next);
    largest = next;
    total = total * old + p;
#pragma unroll
    for (int i = 0; i < most; ++i)
      if (lane + 32 * i < v.headWidth)
        sums[i] = fmaf(p, toFloat(values[std::size_t(s) * v.paddedHeadWidth + lane + 32 * i]), sums[i] * old);
  }
  T* out = static_cast<T*>(prompt.out) + row * prompt.stride + head * v.headWidth;
#pragma unroll
  for (int i = 0; i < most; ++i)
    if (lane + 32 * i < v.headWidth) out[lane + 32 * i] = fromFloat<T>(sums[i] / total);
}

constexpr int tile = 64;  // queries of a block, and keys it takes at once
constexpr int warps = 4;

__device__ inline unsigned shared32(const void* pointer) {
  return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
}
__device__ inline void loadMatrix(unsigned (&r)[4], unsigned address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address));
}
__device__ inline void loadTransposed(unsigned (&r)[4], unsigned address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address));
}
__device__ inline void copyAsync(void* to, const void* from, bool valid) {
  const int bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared32(to)), "l"(from), "r"(bytes));
}

// Rows of Width channels, padded by 16 bytes against bank conflicts.
template <int Width>
struct Tile {
  static constexpr int stride = Width + 8;
  Half rows[tile * stride];
  __device__ void fill(const Half* from, std::size_t rowStride, int valid) {
    for (int i = threadIdx.x; i < tile * (Width / 8); i += 32 * warps) {
      const int row = i / (Width / 8), column = i % (Width / 8) * 8;
      copyAsync(rows + row * stride + column, from + std::size_t(row < valid ? row : 0) * rowStride + column,
                row < valid);
    }
  }
};

template <int Width>
__global__ __launch_bounds__(32 * warps) void tensorKernel(MixerPrompt prompt, AttentionView v) {
  extern __shared__ __align__(16) unsigned char memory[];
  Tile<Width>& queries = reinterpret_cast<Tile<Width>*>(memory)[0];
  Tile<Width>* keyTiles = reinterpret_cast<Tile<Width>*>(memory) + 1;    // two
  Tile<Width>* valueTiles = reinterpret_cast<Tile<Width>*>(memory) + 3;  // two
  constexpr int steps = Width / 16, blocks = tile / 8, outputs = Width / 8;
  letSuccessorStart();
  waitForPredecessor();
  // The longest rows first: they decide when the kernel ends.
  const int tileIndex = static_cast<int>(gridDim.x - 1 - blockIdx.x), head = blockIdx.y, t0 = tileIndex * tile;
  const int sequence = prompt.firstSequence + blockIdx.z;
  const std::size_t row0 = std::size_t(blockIdx.z) * prompt.tokens + t0;
  const Half* query = static_cast<const Half*>(prompt.streams) + row0 * rowOf(prompt, v) + head * Width;
  const std::size_t cache = keysOf(v, sequence, head) * Width;
  const Half* keys = static_cast<const Half*>(v.keys) + cache;
  const Half* values = static_cast<const Half*>(v.values) + cache;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int seen = prompt.position + min(t0 + tile, prompt.tokens);  // keys that any query here sees
  const int count = (seen + tile - 1) / tile;
  const auto fetch = [&](int index) {
    if (index < count) {
      const std::size_t from = std::size_t(index) * tile * Width;
      keyTiles[index % 2].fill(keys + from, Width, seen - index * tile);
      valueTiles[index % 2].fill(values + from, Width, seen - index * tile);
    }
    asm volatile("cp.async.commit_group;");
  };
  queries.fill(query, rowOf(prompt, v), prompt.tokens - t0);
  fetch(0);
  unsigned q[steps][4];
  float out[outputs][4] = {};
  float largest[2] = {-INFINITY, -INFINITY}, total[2] = {0, 0};
  const float scale = rsqrtf(static_cast<float>(Width)) * 1.4426950408889634F;
  const int firstQuery = prompt.position + t0 + warp * 16 + lane / 4;  // and + 8
  for (int index = 0; index < count; ++index) {
    fetch(index + 1);
    asm volatile("cp.async.wait_group 1;");
    __syncthreads();
    if (index == 0) {
#pragma unroll
      for (int k = 0; k < steps; ++k)
        loadMatrix(q[k], shared32(queries.rows + (warp * 16 + lane % 16) * Tile<Width>::stride + k * 16 + lane / 16 * 8));
    }
    const Tile<Width>& key = keyTiles[index % 2];
    const Tile<Width>& value = valueTiles[index % 2];
    float s[blocks][4] = {};
#pragma unroll
    for (int k = 0; k < steps; ++k)
#pragma unroll
      for (int n = 0; n < blocks; n += 2) {  // two blocks of 8 keys
        unsigned b[4];
        loadMatrix(b, shared32(key.rows + (n * 8 + lane % 8 + lane / 16 * 8) * Tile<Width>::stride + k * 16 +
                               lane / 8 % 2 * 8));
        multiplyAdd(s[n], q[k], b[0], b[1]);
        multiplyAdd(s[n + 1], q[k], b[2], b[3]);
      }
    // Causal mask and the running maximum; a row's keys lie in four neighbouring lanes.
    float next[2] = {largest[0], largest[1]};
#pragma unroll
    for (int n = 0; n < blocks; ++n)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int at = index * tile + n * 8 + lane % 4 * 2 + e % 2;
        if (at > firstQuery + e / 2 * 8) s[n][e] = -INFINITY;
        next[e / 2] = fmaxf(next[e / 2], s[n][e]);
      }
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      next[r] = fmaxf(next[r], __shfl_xor_sync(0xffffffffu, next[r], 1));
      next[r] = fmaxf(next[r], __shfl_xor_sync(0xffffffffu, next[r], 2));
      const float old = largest[r] == -INFINITY ? 0 : exp2f((largest[r] - next[r]) * scale);
      largest[r] = next[r];
      total[r] *= old;
#pragma unroll
      for (int n = 0; n < outputs; ++n) out[n][2 * r] *= old, out[n][2 * r + 1] *= old;
    }
#pragma unroll
    for (int n = 0; n < blocks; ++n)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        s[n][e] = s[n][e] == -INFINITY ? 0 : exp2f((s[n][e] - largest[e / 2]) * scale);
        total[e / 2] += s[n][e];
      }
#pragma unroll
    for (int k = 0; k < tile / 16; ++k) {
      const unsigned p[4] = {pack(s[2 * k][0], s[2 * k][1]), pack(s[2 * k][2], s[2 * k][3]),
                             pack(s[2 * k + 1][0], s[2 * k + 1][1]), pack(s[2 * k + 1][2], s[2 * k + 1][3])};
#pragma unroll
      for (int n = 0; n < outputs; n += 2) {
        unsigned b[4];
        loadTransposed(b, shared32(value.rows + (k * 16 + lane % 16) * Tile<Width>::stride + n * 8 + lane / 16 * 8));
        multiplyAdd(out[n], p, b[0], b[1]);
        multiplyAdd(out[n + 1], p, b[2], b[3]);
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    total[r] += __shfl_xor_sync(0xffffffffu, total[r], 1);
    total[r] += __shfl_xor_sync(0xffffffffu, total[r], 2);
    const int t = warp * 16 + lane / 4 + 8 * r;
    if (t0 + t >= prompt.tokens) continue;
    Half* to = static_cast<Half*>(prompt.out) + (row0 + t) * prompt.stride + head * Width + lane % 4 * 2;
#pragma unroll
    for (int n = 0; n < outputs; ++n)
      *reinterpret_cast<unsigned*>(to + n * 8) = pack(out[n][2 * r] / total[r], out[n][2 * r + 1] / total[r]);
  }
}

template <int Width>
void launchTensor(const MixerPrompt& prompt, const AttentionView& v, const Launch& where) {
  launch(tensorKernel<Width>, dim3(blocksFor(prompt.tokens, tile), v.heads, prompt.sequences), 32 * warps,
         5 * sizeof(Tile<Width>), where, prompt, v);
}

template <class T>
void plain(const MixerPrompt& prompt, const AttentionView& v, const Launch& where) {
  launch(plainKernel<T>, dim3(blocksFor(prompt.tokens, 4), v.heads, prompt.sequences), 128, 0, where, prompt, v);
}

}  // namespace

void promptAttention(const MixerPrompt& prompt, const AttentionView& v, Type type, const Launch& where) {
  const dim3 blocks(blocksFor(std::size_t(prompt.tokens) * v.keyHeads * (v.paddedHeadWidth / 8), 256), prompt.sequences);
  if (type == Type::float32) {
    launch(appendKernel<float>, blocks, 256, 0, where, prompt, v);
    return plain<float>(prompt, v, where);
  }
  launch(appendKernel<Half>, blocks, 256, 0, where, prompt, v);
  if (flashAttention(prompt, v, where)) return;
  const bool aligned = prompt.stride == v.heads * v.headWidth;  // rows of a head start on 16 bytes
  if (aligned && v.headWidth == 128)
    launchTensor<128>(prompt, v, where);
  else if (aligned && v.headWidth == 64)
    launchTensor<64>(prompt, v, where);
  else if (aligned && v.headWidth == 32)
    launchTensor<32>(prompt, v, where);
  else
    plain<Half>(prompt, v, where);
}

}  // namespace engine::cuda
