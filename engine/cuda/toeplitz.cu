// Prompts of the exact convolution as products on tensor cores: taps as Toeplitz matrices of 64 x 64, one for each distance
// of two blocks of tokens. A warp has a channel and, as columns, the 8 blocks of a window of outputs; it goes back through
// the inputs, 512 lags at a time, while the next ones come. Taps are split into two terms of bfloat16.
#include "engine/cuda/toeplitz.h"

#include "engine/cuda/mixer.cuh"
#include "engine/cuda/tensor.cuh"

namespace engine::cuda {
namespace {

constexpr int channels = 16;  // of a block of threads
constexpr int threads = 32 * channels;
constexpr int side = 64;    // tokens of a block
constexpr int columns = 8;  // blocks of a window
constexpr int window = side * columns;
constexpr int held = 3 * columns;  // blocks of inputs: two windows in use, one that comes
constexpr int blockWords = side / 2 + 4;  // two inputs each; padded against bank conflicts, as are all strides here
constexpr int channelWords = held * blockWords;
constexpr int eights = channels / 8, eightGap = 16;  // words between the first 8 channels and the next
constexpr int tapStride = window + side + 2;
constexpr int outputBlock = side + 4, outputStride = columns * outputBlock + 1;
constexpr int each = window * channels / threads;  // outputs of a thread at the end
constexpr int fresh = side / 8, diagonals = 2 * fresh - 1;  // steps of 8 lags: new with each matrix, and all it has

template <int Sequences>
struct Shared {
  union {
    struct {
      float taps[2][channels * tapStride];
      unsigned inputs[Sequences][channels * channelWords + eightGap];
    };
    float outputs[Sequences][channels * outputStride];
  };
};

__device__ inline void copyWord(float* to, const float* from, bool valid) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(
                   static_cast<unsigned>(__cvta_generic_to_shared(to))),
               "l"(from), "r"(valid ? 4 : 0)
               : "memory");
}

// Lags [first - side, first + window) of all channels.
__device__ inline void fetchTaps(const LazyView& z, int firstColumn, int first, float* to) {
  const int own = threadIdx.x % channels, column = firstColumn + own;
  for (int i = threadIdx.x / channels; i < window + side; i += threads / channels) {
    const int lag = first - side + i;
    const bool valid = lag >= 0 && lag < z.lags && column < z.stride;
    copyWord(to + own * tapStride + i, z.taps + (valid ? std::size_t(lag) * z.stride + column : 0), valid);
  }
  asm volatile("cp.async.commit_group;");
}

// Two tokens of 8 channels on their way into shared memory.
struct Pair {
  uint4 tokens[2];
  // Tokens `at` and the next from the cache of a sequence (null: zeros), zeros outside of [first, end), at most a ring of
  // tokens, which has begun anew at `turn`, the last time before `first`.
  __device__ void load(const Half* cache, const LazyView& z, int at, int first, int end, int turn) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      tokens[i] = make_uint4(0, 0, 0, 0);
      if (at + i < first || at + i >= end || !cache) continue;
      const int slot = at + i - turn;
      tokens[i] = *reinterpret_cast<const uint4*>(cache + std::size_t(slot < z.ring ? slot : slot - z.ring) * z.stride);
    }
  }
  __device__ void store(unsigned* to) const {
    const unsigned a[4] = {tokens[0].x, tokens[0].y, tokens[0].z, tokens[0].w};
    const unsigned b[4] = {tokens[1].x, tokens[1].y, tokens[1].z, tokens[1].w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      to[2 * i * channelWords] = __byte_perm(a[i], b[i], 0x5410);
      to[(2 * i + 1) * channelWords] = __byte_perm(a[i], b[i], 0x7632);
    }
  }
};

// Gates times the sums of a window whose first token is `first` of the piece.
__device__ inline void finish(const MixerPrompt& prompt, const LazyView& z, int firstColumn, int first, int index,
                              const float* sums) {
  const int sequence = prompt.firstSequence + index;
  const std::size_t row0 = std::size_t(index) * prompt.tokens;
  Half* out = static_cast<Half*>(prompt.out) + row0 * prompt.stride;
  const int own = threadIdx.x % channels, place = threadIdx.x / channels * each, t = first + place;
  const int column = firstColumn + own;
  const int channel = column >= z.stride ? -1 : z.columns ? z.columns[column] : column;
  if (channel < 0 || t >= prompt.tokens || t + each <= 0) return;
  float gates[each];
  shortPrompts<Half>(prompt, sequence, t, prompt.tokens, 0, channel, row0, gates);
#pragma unroll
  for (int i = 0; i < each; ++i)
    if (t + i >= 0 && t + i < prompt.tokens)
      out[std::size_t(t + i) * prompt.stride + channel] =
          fromFloat<Half>(gates[i] * sums[own * outputStride + place / side * outputBlock + place % side + i]);
}

template <int Sequences>
__global__ __launch_bounds__(threads, 1) void toeplitzKernel(MixerPrompt prompt, LazyView z) {
  extern __shared__ __align__(16) unsigned char memory[];
  Shared<Sequences>& shared = *reinterpret_cast<Shared<Sequences>*>(memory);
  letSuccessorStart();
  // The windows that look back farthest first.
  const int at = prompt.position / window + static_cast<int>(gridDim.y - 1 - blockIdx.y);
  const int firstColumn = blockIdx.x * channels, firstSequence = blockIdx.z * Sequences;
  const int end = prompt.position + prompt.tokens, oldest = max(0, end - z.ring), turn = oldest / z.ring * z.ring;
  const int segments = min(at + 1, (z.lags - 1 + side - 1) / window + 1);
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, quarter = lane % 4, row = lane / 4;

  // Of a window of inputs this thread moves two tokens of 8 channels.
  const int pair = threadIdx.x / eights, eight = threadIdx.x % eights;
  Pair pairs[Sequences], earlier[Sequences];
  const auto load = [&](Pair(&to)[Sequences], int part) {  // a window of inputs
#pragma unroll
    for (int s = 0; s < Sequences; ++s) {
      const std::size_t sequence = prompt.firstSequence + min(firstSequence + s, prompt.sequences - 1);
      const int column = firstColumn + 8 * eight;
      const Half* cache = static_cast<const Half*>(z.cache) + sequence * z.ring * z.stride + column;
      to[s].load(column < z.stride ? cache : nullptr, z, part * window + 2 * pair, oldest, end, turn);
    }
  };
  const auto place = [](int block) { return (block + held) % held; };  // of blocks from -held on
  const auto store = [&](const Pair(&from)[Sequences], int part) {
    const int block = place(part % 3 * columns + pair / (side / 2));
    const int offset = eight * (8 * channelWords + eightGap) + block * blockWords + pair % (side / 2);
#pragma unroll
    for (int s = 0; s < Sequences; ++s) from[s].store(shared.inputs[s] + offset);
  };
  waitForPredecessor();
  fetchTaps(z, firstColumn, 0, shared.taps[0]);
  load(pairs, at);
  load(earlier, at - 1);
  store(pairs, at);
  store(earlier, at - 1);
  asm volatile("cp.async.wait_group 0;" ::: "memory");
  __syncthreads();

  float sums[Sequences][side / 16][4] = {};
  for (int segment = 0; segment < segments; ++segment) {
    const bool more = segment + 1 < segments;
    if (more) {
      load(pairs, at - segment - 2);
      fetchTaps(z, firstColumn, (segment + 1) * window, shared.taps[(segment + 1) % 2]);
    }
    // Where lag 0 of diagonal 0 lies for this lane; see multiplyAdd() for its place.
    const float* taps = shared.taps[segment % 2] + warp * tapStride + side + row - 2 * quarter;
    unsigned taken[2][diagonals];  // high terms, low ones
    const auto take = [&](int i, int lag) {
      unsigned terms[2];
      split<2>(taps[lag], taps[lag - 1], terms);
      taken[0][i] = terms[0], taken[1][i] = terms[1];
    };
#pragma unroll
    for (int i = 0; i < diagonals - fresh; ++i) take(i + fresh, 8 * (i - 7));
    const int inputs = warp * channelWords + warp / 8 * eightGap + quarter;
#pragma unroll 1
    for (int d = 0; d < columns; ++d) {  // blocks between output and input, 8 segments before
#pragma unroll
      for (int i = 0; i < diagonals - fresh; ++i) taken[0][i] = taken[0][i + fresh], taken[1][i] = taken[1][i + fresh];
#pragma unroll
      for (int i = diagonals - fresh; i < diagonals; ++i) take(i, d * side + 8 * (i - 7));
      const int from = inputs + place((at - segment) % 3 * columns + row - d) * blockWords;
#pragma unroll
      for (int k = 0; k < side / 16; ++k) {
        unsigned b[Sequences][2];
#pragma unroll
        for (int s = 0; s < Sequences; ++s) {
          b[s][0] = shared.inputs[s][from + 8 * k];
          b[s][1] = shared.inputs[s][from + 8 * k + 4];
        }
        // The smaller terms first; sums of the same outputs far apart.
#pragma unroll
        for (int term = 1; term >= 0; --term)
#pragma unroll
          for (int s = 0; s < Sequences; ++s)
#pragma unroll
            for (int m = 0; m < side / 16; ++m) {
              const int i = 7 + 2 * (m - k);
              const unsigned(&t)[diagonals] = taken[term];
              const unsigned a[4] = {t[i], t[i + 1], t[i - 1], t[i]};
              multiplyAdd(sums[s][m], a, b[s][0], b[s][1]);
            }
      }
    }
    if (more) store(pairs, at - segment - 2);
    asm volatile("cp.async.wait_group 0;" ::: "memory");
    __syncthreads();
  }

#pragma unroll
  for (int s = 0; s < Sequences; ++s)
#pragma unroll
    for (int m = 0; m < side / 16; ++m)
#pragma unroll
      for (int e = 0; e < 4; ++e)
        shared.outputs[s][warp * outputStride + (2 * quarter + e % 2) * outputBlock + 16 * m + row + e / 2 * 8] =
            sums[s][m][e];
  __syncthreads();
#pragma unroll
  for (int s = 0; s < Sequences; ++s)
    if (firstSequence + s < prompt.sequences)
      finish(prompt, z, firstColumn, at * window - prompt.position, firstSequence + s, shared.outputs[s]);
}

// False where the device has too little shared memory.
template <int Sequences>
bool launchToeplitz(const MixerPrompt& prompt, const LazyView& z, const Launch& where) {
  if (sizeof(Shared<Sequences>) > sharedBytesOfBlock()) return false;
  const int windows = (prompt.position + prompt.tokens - 1) / window - prompt.position / window + 1;
  launch(toeplitzKernel<Sequences>, dim3(blocksFor(z.stride, channels), windows, blocksFor(prompt.sequences, Sequences)),
         threads, sizeof(Shared<Sequences>), where, prompt, z);
  return true;
}

}  // namespace

bool promptToeplitz(const MixerPrompt& prompt, const LazyView& z, const Launch& where) {
  return (prompt.sequences > 1 && launchToeplitz<2>(prompt, z, where)) || launchToeplitz<1>(prompt, z, where);
}

}  // namespace engine::cuda
