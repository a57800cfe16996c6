// Prompts of the modal recurrence on tensor cores (engine page, section 3), in chunks of 16 tokens: a convolution with
// h^ inside, the response to the state at its beginning, and what its inputs add to the state. A warp has a channel,
// and 16 chunks at once as the rows of its products, such that a lane's two rows are neighbours; the states at their
// beginnings come from a scan over these pairs. The inputs are bfloat16 anyway; tables are split into as many terms as
// their use needs: three for the state.
#include "engine/cuda/chunkstreams.cuh"
#include "engine/cuda/power.cuh"
#include "engine/cuda/tensor.cuh"

namespace engine::cuda {
namespace {

constexpr int modes = 16;  // at most, of a channel
constexpr int tiles = modes / 4;  // of 8 real states
constexpr int inputStride = tokensAtOnce + 8, outputStride = tokensAtOnce + 4;
constexpr int stageCount = 4;  // what comes, what is filtered, what is multiplied, what is gated
constexpr int fewestTokens = 4 * chunk;
static_assert(chunk == 16 && chunksAtOnce == 16 && each == 8);  // as the fragments of the products have them
constexpr int multiprocessors = 132;  // of the boards this is tuned for

// lambda^e of a channel's modes; R lambda^i; lambda^(32 r) of pair r; lambda^16 to 256.
struct Tables {
  float2 power[modes][chunk], response[modes][chunk];
};
using Pairs = float2[modes][chunksAtOnce / 2];
struct alignas(16) Steps {
  float2 one, two, four, eight, sixteen;  // chunks
};
struct Shared {
  union {
    Tables tables[groupSize];
    struct {
      Half stages[stageCount][stagedHalfs];
      Half inputs[2][groupSize * inputStride];
      float outputs[2][groupSize * outputStride];
    } tokens;
  };
  Steps steps[groupSize][modes];
  Pairs pairs[groupSize];
  ShortFilters filters;
};

// Where in a channel's row of inputs or outputs the tokens [8 i, 8 i + 8) lie: as the products' fragments want them,
// the halves of even and odd chunks one behind the other.
__device__ constexpr int eightAt(int i) {
  return (i % 4 * 8 + i / 4) * 8;
}

__device__ inline float2 multiplied(float2 a, float2 b, float2 add) {
  return make_float2(fmaf(a.x, b.x, fmaf(-a.y, b.y, add.x)), fmaf(a.x, b.y, fmaf(a.y, b.x, add.y)));
}
__device__ inline float2 shuffledUp(float2 x, int lanes) {
  return make_float2(__shfl_up_sync(0xffffffffu, x.x, lanes), __shfl_up_sync(0xffffffffu, x.y, lanes));
}
__device__ inline float2 shuffled(float2 x, int lane) {
  return make_float2(__shfl_sync(0xffffffffu, x.x, lane), __shfl_sync(0xffffffffu, x.y, lane));
}

// The products' constant sides for one channel, and what its lanes hold of the scan: lane l has modes 4 t + l mod 4.
class Channel {
 public:
  __device__ void prepare(const ModalView& m, const GroupView& g, int channel, float direct, Tables& tables,
                          Steps (&steps)[modes], Pairs& pairs) {
    const int lane = threadIdx.x % 32, quarter = lane % 4, row = lane / 4;
    if (lane < modes) fillTables(m, g, lane, channel, tables, steps[lane], pairs[lane]);
    __syncwarp();
#pragma unroll
    for (int t = 0; t < tiles; ++t) {
      // Column row of tile t: the real or the imaginary part of a mode.
      const int mode = 4 * t + row / 2;
      const auto part = [&](int token) {
        const float2 power = tables.power[mode][chunk - 1 - token];
        return row % 2 == 0 ? power.x : power.y;
      };
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int token = 2 * quarter + 8 * half;
        unsigned terms[3];
        split<3>(part(token), part(token + 1), terms);
#pragma unroll
        for (int i = 0; i < 3; ++i) m_gather[t][i][half] = terms[i];
      }
    }
#pragma unroll
    for (int n = 0; n < 2; ++n) {
      const int token = 8 * n + row;
      const auto tap = [&](int lag) {
        if (lag < 0) return 0.0F;
        if (lag == 0) return direct;
        float sum = 0;
        for (int mode = 0; mode < modes; ++mode) sum += tables.response[mode][lag - 1].x;
        return sum;
      };
      split<2>(tap(token - 2 * quarter), tap(token - 2 * quarter - 1), m_taps[n]);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        unsigned terms[2];
#pragma unroll
        for (int k = 0; k < 2; ++k) {
          const float2 response = tables.response[8 * k + 4 * half + quarter][token];
          split<2>(response.x, -response.y, terms);
          m_response[n][k][0][half] = terms[0], m_response[n][k][1][half] = terms[1];
        }
      }
    }
  }
  __device__ void loadStates(const ModalView& m, const GroupView& g, int sequence, int channel) {
#pragma unroll
    for (int t = 0; t < tiles; ++t) {
      const int slot = 4 * t + static_cast<int>(threadIdx.x) % 4;
      m_state[t] = slot < g.pairs + g.reals ? loadState(stateOf(m, g, sequence, slot, channel), slot < g.pairs)
                                            : make_float2(0, 0);
    }
  }
  __device__ void storeStates(const ModalView& m, const GroupView& g, int sequence, int channel) const {
    if (threadIdx.x % 32 >= 4) return;
#pragma unroll
    for (int t = 0; t < tiles; ++t) {
      const int slot = 4 * t + static_cast<int>(threadIdx.x) % 4;
      if (slot < g.pairs + g.reals)
        storeState(stateOf(m, g, sequence, slot, channel), slot < g.pairs, m_state[t].x, m_state[t].y);
    }
  }
  // The outputs of `chunks` chunks of inputs, zeros behind them; the state goes on.
  __device__ void run(const Half* inputs, int chunks, const Steps (&steps)[modes], const Pairs& pairs, float* outputs) {
    const int lane = threadIdx.x % 32, quarter = lane % 4, row = lane / 4;
    unsigned u[4];  // of even and odd chunks the first, then the second halves
    const int half = lane / 16, odd = lane / 8 % 2;
    asm volatile(
        "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
        : "=r"(u[0]), "=r"(u[1]), "=r"(u[2]), "=r"(u[3])
        : "r"(static_cast<unsigned>(__cvta_generic_to_shared(inputs + eightAt(4 * (lane % 8) + 2 * odd + half))))
        : "memory");
    // All modes in step: one by one they would wait for each other's products and shuffles.
    float sums[tiles][4] = {}, y[2][4] = {};
#pragma unroll
    for (int i = 2; i >= 0; --i)
#pragma unroll
      for (int t = 0; t < tiles; ++t) multiplyAdd(sums[t], u, m_gather[t][i][0], m_gather[t][i][1]);
#pragma unroll
    for (int i = 1; i >= 0; --i) {  // no token hears the second half of its chunk in the first
      multiplyAdd(y[0], u, m_taps[0][i], 0);
      multiplyAdd(y[1], u, m_taps[1][i], m_taps[0][i]);
    }
    float2 first[tiles], second[tiles];
#pragma unroll
    for (int t = 0; t < tiles; ++t) {
      first[t] = make_float2(sums[t][0], sums[t][1]);
      second[t] = make_float2(sums[t][2], sums[t][3]);
    }
    scanPairs(steps, pairs, chunks, first, second);
#pragma unroll
    for (int k = 0; k < 2; ++k) {  // 8 modes
      unsigned high[4], low[4];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int t = 2 * k + half;
        unsigned terms[2];
        split<2>(first[t].x, first[t].y, terms);
        high[2 * half] = terms[0], low[2 * half] = terms[1];
        split<2>(second[t].x, second[t].y, terms);
        high[2 * half + 1] = terms[0], low[2 * half + 1] = terms[1];
      }
#pragma unroll
      for (int n = 0; n < 2; ++n) multiplyAdd(y[n], low, m_response[n][k][0][0], m_response[n][k][0][1]);
#pragma unroll
      for (int n = 0; n < 2; ++n) multiplyAdd(y[n], high, m_response[n][k][1][0], m_response[n][k][1][1]);
#pragma unroll
      for (int n = 0; n < 2; ++n) multiplyAdd(y[n], high, m_response[n][k][0][0], m_response[n][k][0][1]);
    }
#pragma unroll
    for (int n = 0; n < 2; ++n) {
      float* to = outputs + eightAt(4 * row + n) + 2 * quarter;
      *reinterpret_cast<float2*>(to) = make_float2(y[n][0], y[n][1]);
      *reinterpret_cast<float2*>(to + eightAt(2)) = make_float2(y[n][2], y[n][3]);
    }
  }

 private:
  // Powers in float64, from the pole's two floats.
  __device__ static void fillTables(const ModalView& m, const GroupView& g, int slot, int channel, Tables& tables,
                                    Steps& steps, float2 (&pairs)[chunksAtOnce / 2]) {
    Slot c = {};
    if (slot < g.pairs + g.reals) c = loadSlot(m, g, slot, channel);
    const bool used = slot < g.pairs + g.reals;
    const Complex pole{double(c.re) + c.restRe, double(c.im) + c.restIm}, residue{c.residueRe, c.residueIm};
    Complex power{used ? 1.0 : 0.0, 0};
    for (int e = 0; e < chunk; ++e, power = power * pole) {
      tables.power[slot][e] = rounded2(power);
      tables.response[slot][e] = rounded2(residue * power);
    }
    const Complex one = power, two = one * one, four = two * two, eight = four * four;
    steps = {rounded2(one), rounded2(two), rounded2(four), rounded2(eight), rounded2(eight * eight)};
    power = {used ? 1.0 : 0.0, 0};
    for (int r = 0; r < chunksAtOnce / 2; ++r, power = power * two) pairs[r] = rounded2(power);
  }
  // From what each chunk adds to the state to the state at its beginning; this lane has two: `even`, and `odd` behind it.
  __device__ void scanPairs(const Steps (&steps)[modes], const Pairs& pairs, int chunks, float2 (&even)[tiles],
                            float2 (&odd)[tiles]) {
    const int lane = threadIdx.x % 32, quarter = lane % 4, row = lane / 4;
    float2 sum[tiles];
    const auto all = [&](auto&& work) {
#pragma unroll
      for (int t = 0; t < tiles; ++t) work(t, steps[4 * t + quarter]);
    };
    all([&](int t, const Steps& s) { sum[t] = multiplied(s.one, even[t], odd[t]); });
#pragma unroll
    for (int i = 0; i < 3; ++i) {
      float2 before[tiles];
      all([&](int t, const Steps&) { before[t] = shuffledUp(sum[t], 4 << i); });
      all([&](int t, const Steps& s) {
        float2 factor = i == 0 ? s.two : i == 1 ? s.four : s.eight;
        factor.x = row < 1 << i ? 0 : factor.x, factor.y = row < 1 << i ? 0 : factor.y;  // nothing that far up
        sum[t] = multiplied(factor, before[t], sum[t]);
      });
    }
    all([&](int t, const Steps& s) {
      float2 begin = shuffledUp(sum[t], 4);
      begin.x = row == 0 ? 0 : begin.x, begin.y = row == 0 ? 0 : begin.y;
      begin = multiplied(pairs[4 * t + quarter][row], m_state[t], begin);
      odd[t] = multiplied(s.one, begin, even[t]);
      even[t] = begin;
    });
    if (chunks == chunksAtOnce)
      all([&](int t, const Steps& s) {
        m_state[t] = multiplied(s.sixteen, m_state[t], shuffled(sum[t], 28 + quarter));
      });
    else
      all([&](int t, const Steps&) {
        m_state[t] = shuffled(chunks % 2 == 0 ? even[t] : odd[t], 4 * (chunks / 2) + quarter);
      });
  }

  unsigned m_gather[tiles][3][2];   // tokens to states
  unsigned m_taps[2][2];            // tokens to tokens of the same half of a chunk, of the first to the second
  unsigned m_response[2][2][2][2];  // states to tokens
  float2 m_state[tiles];
};

// Where a block stands: in which of its sequences, from which token on, and in which parts of shared memory.
struct Step {
  int sequence = 0, first = 0, stage = 0, side = 0;
  __device__ void advance(int tokens) {
    first += tokensAtOnce;
    if (first >= tokens) first = 0, ++sequence;
    stage = stage + 1 < stageCount ? stage + 1 : 0;
    side ^= 1;
  }
};

// The first `tokens` of the piece, a multiple of the chunk's, of `sequences` sequences one after the other: what they need
// comes while those before are multiplied.
__global__ __launch_bounds__(threads, 1) void chunksKernel(MixerPrompt prompt, ModalView m, int tokens, int sequences) {
  extern __shared__ __align__(16) unsigned char memory[];
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  letSuccessorStart();
  const int group = blockIdx.x, firstIndex = blockIdx.y * sequences, warp = threadIdx.x / 32;
  const GroupView g = m.group[group];
  const std::int32_t* order = m.order + group * groupSize;
  Channel channel;
  channel.prepare(m, g, warp, m.direct[group * groupSize + warp], shared.tables[warp], shared.steps[warp],
                  shared.pairs[warp]);
  const int own = threadIdx.x % groupSize, part = threadIdx.x / groupSize, column = order[own];
  shared.filters.fill(prompt, order);
  const int together =
      __syncthreads_and(order[0] % streamChannels == 0 && column == order[0] + own) ? streamColumn(0, order[0]) : -1;
  const int count = min(sequences, prompt.sequences - firstIndex);
  Step fetched, step, filtered;
  const auto fetch = [&] {
    if (fetched.sequence < count)
      fetchStreams(prompt, firstIndex + fetched.sequence, fetched.first, tokens, order, together,
                   shared.tokens.stages[fetched.stage]);
    asm volatile("cp.async.commit_group;");
    fetched.advance(tokens);
  };
  // Inputs of this thread's tokens of a step that has arrived.
  const auto filter = [&] {
    if (filtered.sequence >= count) return;
    const Half* stage = shared.tokens.stages[filtered.stage];
    float inputs[each], factors[each];
    shared.filters.apply(stage, part * each, own, 1, inputs);
    shared.filters.apply(stage, part * each, own, 2, factors);
    const bool inside = filtered.first + part * each < tokens;  // all of them: both are multiples
#pragma unroll
    for (int i = 0; i < each; ++i) inputs[i] = inside ? inputs[i] * factors[i] : 0.0F;
    uint4 packed;
    packed.x = pack(inputs[0], inputs[1]), packed.y = pack(inputs[2], inputs[3]);
    packed.z = pack(inputs[4], inputs[5]), packed.w = pack(inputs[6], inputs[7]);
    *reinterpret_cast<uint4*>(shared.tokens.inputs[filtered.side] + own * inputStride + eightAt(part)) = packed;
    filtered.advance(tokens);
  };
  waitForPredecessor();
  fetch();
  fetch();
  asm volatile("cp.async.wait_group 0;" ::: "memory");
  __syncthreads();
  filter();
  __syncthreads();
  for (; step.sequence < count; step.advance(tokens)) {
    const int index = firstIndex + step.sequence, sequence = prompt.firstSequence + index;
    fetch();
    if (step.first == 0) channel.loadStates(m, g, sequence, warp);
    channel.run(shared.tokens.inputs[step.side] + warp * inputStride, min(chunksAtOnce, (tokens - step.first) / chunk),
                shared.steps[warp], shared.pairs[warp], shared.tokens.outputs[step.side] + warp * outputStride);
    if (step.first + tokensAtOnce >= tokens) channel.storeStates(m, g, sequence, warp);
    filter();
    asm volatile("cp.async.wait_group 0;" ::: "memory");
    __syncthreads();
    if (column >= 0 && step.first + part * each < tokens) {
      float gates[each];
      shared.filters.apply(shared.tokens.stages[step.stage], part * each, own, 0, gates);
      const auto* outputs =
          reinterpret_cast<const float4*>(shared.tokens.outputs[step.side] + own * outputStride + eightAt(part));
      const float4 low = outputs[0], high = outputs[1];
      const float all[each] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
      const std::size_t row = std::size_t(index) * prompt.tokens + step.first + part * each;
      Half* out = static_cast<Half*>(prompt.out) + row * prompt.stride + column;
#pragma unroll
      for (int i = 0; i < each; ++i, out += prompt.stride) *out = fromFloat<Half>(gates[i] * all[i]);
    }
  }
}

}  // namespace

int promptChunks(const MixerPrompt& prompt, const ModalView& m, const Launch& where) {
  if (prompt.tokens < fewestTokens || m.mostSlots > modes || prompt.shortFilter.taps > past + 1) return 0;
  if (sizeof(Shared) > sharedBytesOfBlock()) return 0;
  const int tokens = prompt.tokens / chunk * chunk;
  // A block prepares its tables once for several sequences, as many as keep all multiprocessors busy.
  const auto rounds = [&](int sequences) {
    return blocksFor(std::size_t(m.groups) * blocksFor(prompt.sequences, sequences), multiprocessors) * sequences;
  };
  int sequences = prompt.sequences;
  for (int fewer = sequences - 1; fewer > 0; --fewer)
    if (rounds(fewer) < rounds(sequences)) sequences = fewer;
  launch(chunksKernel, dim3(static_cast<unsigned>(m.groups), blocksFor(prompt.sequences, sequences)), threads,
         sizeof(Shared), where, prompt, m, tokens, sequences);
  return tokens;
}

}  // namespace engine::cuda
