// Prompts of the modal recurrence on tensor cores (engine page, section 3), in chunks of 16 tokens: a convolution with
// h^ inside, the response to the state at its beginning, and what its inputs add to the state. A warp has a channel, and
// 16 chunks at once as the rows of its products; the states at their beginnings come from a scan over the rows. The
// inputs are bfloat16 anyway; tables are split into as many terms as their use needs: three for the state.
#include "engine/cuda/mixer.cuh"
#include "engine/cuda/tensor.cuh"

namespace engine::cuda {
namespace {

constexpr int chunk = 16;
constexpr int chunksAtOnce = 16;
constexpr int tokensAtOnce = chunk * chunksAtOnce;
constexpr int modes = 16;  // at most, of a channel
constexpr int tiles = modes / 4;  // of 8 real states
constexpr int threads = 32 * groupSize;
constexpr int each = 8;  // tokens of a thread where inputs and outputs are moved
constexpr int inputStride = tokensAtOnce + 8, outputStride = tokensAtOnce + 4;
constexpr int fewestTokens = 4 * chunk;

struct Complex {
  double re, im;
};
__device__ inline Complex operator*(Complex a, Complex b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
__device__ inline float2 rounded2(Complex z) {
  return make_float2(static_cast<float>(z.re), static_cast<float>(z.im));
}

// lambda^e of a channel's modes; R lambda^i; lambda^16, 32, 64 and 128; lambda^(16 r) of row r.
struct Tables {
  float2 power[modes][chunk], response[modes][chunk], row[modes][chunksAtOnce / 2];
};
struct Steps {
  float2 one, two, four, eight;  // chunks
};
struct Shared {
  union {
    Tables tables[groupSize];
    struct {
      Half inputs[groupSize * inputStride];
      float outputs[groupSize * outputStride];
    } tokens;
  };
  Steps steps[groupSize][modes];
};

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
                          Steps (&steps)[modes]) {
    const int lane = threadIdx.x % 32, quarter = lane % 4, row = lane / 4;
    if (lane < modes) fillTables(m, g, lane, channel, tables, steps[lane]);
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
      m_row[t] = tables.row[4 * t + quarter][row];
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
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int input = 2 * quarter + 8 * half;
        unsigned terms[2];
        split<2>(tap(token - input), tap(token - input - 1), terms);
        m_taps[n][0][half] = terms[0], m_taps[n][1][half] = terms[1];
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
  __device__ void run(const Half* inputs, int chunks, const Steps (&steps)[modes], float* outputs) {
    const int lane = threadIdx.x % 32, quarter = lane % 4, row = lane / 4;
    const unsigned* words = reinterpret_cast<const unsigned*>(inputs);
    const unsigned u[4] = {words[row * 8 + quarter], words[(row + 8) * 8 + quarter], words[row * 8 + quarter + 4],
                           words[(row + 8) * 8 + quarter + 4]};
    float y[2][4] = {};
#pragma unroll
    for (int n = 0; n < 2; ++n)
#pragma unroll
      for (int i = 1; i >= 0; --i) multiplyAdd(y[n], u, m_taps[n][i][0], m_taps[n][i][1]);
#pragma unroll
    for (int k = 0; k < 2; ++k) {  // 8 modes
      unsigned high[4], low[4];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int t = 2 * k + half;
        float sums[4] = {};
#pragma unroll
        for (int i = 2; i >= 0; --i) multiplyAdd(sums, u, m_gather[t][i][0], m_gather[t][i][1]);
        float2 first = make_float2(sums[0], sums[1]), second = make_float2(sums[2], sums[3]);
        scanRows(t, steps[4 * t + quarter], chunks, first, second);
        unsigned terms[2];
        split<2>(first.x, first.y, terms);
        high[2 * half] = terms[0], low[2 * half] = terms[1];
        split<2>(second.x, second.y, terms);
        high[2 * half + 1] = terms[0], low[2 * half + 1] = terms[1];
      }
#pragma unroll
      for (int n = 0; n < 2; ++n) {
        multiplyAdd(y[n], low, m_response[n][k][0][0], m_response[n][k][0][1]);
        multiplyAdd(y[n], high, m_response[n][k][1][0], m_response[n][k][1][1]);
        multiplyAdd(y[n], high, m_response[n][k][0][0], m_response[n][k][0][1]);
      }
    }
#pragma unroll
    for (int n = 0; n < 2; ++n) {
      float* to = outputs + row * chunk + 8 * n + 2 * quarter;
      *reinterpret_cast<float2*>(to) = make_float2(y[n][0], y[n][1]);
      *reinterpret_cast<float2*>(to + 8 * chunk) = make_float2(y[n][2], y[n][3]);
    }
  }

 private:
  // Powers in float64, from the pole's two floats.
  __device__ static void fillTables(const ModalView& m, const GroupView& g, int slot, int channel, Tables& tables,
                                    Steps& steps) {
    Slot c = {};
    if (slot < g.pairs + g.reals) c = loadSlot(m, g, slot, channel);
    const bool used = slot < g.pairs + g.reals;
    const Complex pole{double(c.re) + c.restRe, double(c.im) + c.restIm}, residue{c.residueRe, c.residueIm};
    Complex power{used ? 1.0 : 0.0, 0};
    for (int e = 0; e < chunk; ++e, power = power * pole) {
      tables.power[slot][e] = rounded2(power);
      tables.response[slot][e] = rounded2(residue * power);
    }
    const Complex one = power, two = one * one, four = two * two;
    steps = {rounded2(one), rounded2(two), rounded2(four), rounded2(four * four)};
    power = {used ? 1.0 : 0.0, 0};
    for (int r = 0; r < chunksAtOnce / 2; ++r, power = power * one) tables.row[slot][r] = rounded2(power);
  }
  // From what each row adds to the state to the state at its beginning; this lane has rows r and r + 8.
  __device__ void scanRows(int t, const Steps& steps, int chunks, float2& first, float2& second) {
    const int lane = threadIdx.x % 32, quarter = lane % 4, row = lane / 4;
    const float2 factors[3] = {steps.one, steps.two, steps.four};
#pragma unroll
    for (int i = 0; i < 3; ++i) {
      const float2 a = shuffledUp(first, 4 << i), b = shuffledUp(second, 4 << i);
      if (row < 1 << i) continue;
      first = multiplied(factors[i], a, first);
      second = multiplied(factors[i], b, second);
    }
    const float2 middle = multiplied(steps.eight, m_state[t], shuffled(first, 28 + quarter));
    const float2 end = multiplied(steps.eight, middle, shuffled(second, 28 + quarter));
    first = shuffledUp(first, 4);
    second = shuffledUp(second, 4);
    if (row == 0) first = second = make_float2(0, 0);
    first = multiplied(m_row[t], m_state[t], first);
    second = multiplied(m_row[t], middle, second);
    const int last = 4 * (chunks % 8) + quarter;
    const float2 low = shuffled(first, last), high = shuffled(second, last);
    m_state[t] = chunks == chunksAtOnce ? end : chunks >= 8 ? high : low;
  }

  unsigned m_gather[tiles][3][2];   // tokens to states
  unsigned m_taps[2][2][2];         // tokens to tokens
  unsigned m_response[2][2][2][2];  // states to tokens
  float2 m_row[tiles], m_state[tiles];
};

// Inputs and gates of the tokens [first, first + each) of a channel; zeros from `end` on.
__device__ inline void gatesOf(const MixerPrompt& prompt, int sequence, std::size_t row0, int channel, int first, int end,
                               float (&gates)[each], float (&inputs)[each]) {
  constexpr int past = 2;  // tokens before the first that the short filter reaches
  const ShortView& f = prompt.shortFilter;
  const int columns = streamColumns(prompt.stride), column = streamColumn(0, channel), slots = f.taps - 1;
  const Half* streams = static_cast<const Half*>(prompt.streams) + row0 * columns + column;
  Half raw[3][past + each];
  if (first >= past && first + each <= end) {  // no question before a load: all of them are on their way at once
    const Half* from = streams + std::size_t(first - past) * columns;
#pragma unroll
    for (int i = 0; i < past + each; ++i, from += columns)
#pragma unroll
      for (int s = 0; s < 3; ++s) raw[s][i] = from[s * streamChannels];
  } else {
    const Half* history = static_cast<const Half*>(f.history) + std::size_t(sequence) * slots * columns + column;
#pragma unroll
    for (int i = 0; i < past + each; ++i) {
      const int t = first - past + i, at = prompt.position + t;
      const Half* from = nullptr;
      if (t >= 0 && t < end)
        from = streams + std::size_t(t) * columns;
      else if (t < 0 && at >= 0 && -t <= slots)
        from = history + std::size_t(at % slots) * columns;
#pragma unroll
      for (int s = 0; s < 3; ++s) raw[s][i] = from ? from[s * streamChannels] : fromFloat<Half>(0);
    }
  }
  float filtered[3][each];
#pragma unroll
  for (int s = 0; s < 3; ++s) {
    float weight[past + 1];
#pragma unroll
    for (int lag = 0; lag <= past; ++lag)
      weight[lag] = lag <= slots ? f.weight[std::size_t(lag) * columns + s * streamChannels + column] : 0.0F;
    const float bias = f.bias[s * streamChannels + column];
#pragma unroll
    for (int i = 0; i < each; ++i)
      filtered[s][i] = bias + weight[0] * toFloat(raw[s][i + 2]) + weight[1] * toFloat(raw[s][i + 1]) +
                       weight[2] * toFloat(raw[s][i]);
  }
#pragma unroll
  for (int i = 0; i < each; ++i) {
    gates[i] = filtered[0][i];
    inputs[i] = first + i < end ? filtered[1][i] * filtered[2][i] : 0.0F;
  }
}

// The first `tokens` of the piece, a multiple of the chunk's.
__global__ __launch_bounds__(threads, 1) void chunksKernel(MixerPrompt prompt, ModalView m, int tokens) {
  extern __shared__ __align__(16) unsigned char memory[];
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  letSuccessorStart();
  const int group = blockIdx.x, sequence = prompt.firstSequence + blockIdx.y, warp = threadIdx.x / 32;
  const std::size_t row0 = std::size_t(blockIdx.y) * prompt.tokens;
  const GroupView g = m.group[group];
  Channel channel;
  channel.prepare(m, g, warp, m.direct[group * groupSize + warp], shared.tables[warp], shared.steps[warp]);
  __syncthreads();
  const int own = threadIdx.x % groupSize, part = threadIdx.x / groupSize, column = m.order[group * groupSize + own];
  waitForPredecessor();
  channel.loadStates(m, g, sequence, warp);
  Half* const ownInputs = shared.tokens.inputs + own * inputStride + part * each;
  const float* const ownOutputs = shared.tokens.outputs + own * outputStride + part * each;
  Half* out = static_cast<Half*>(prompt.out) + row0 * prompt.stride + column;
  for (int first = 0; first < tokens; first += tokensAtOnce) {
    const int mine = first + part * each;
    float gates[each] = {}, inputs[each] = {};
    if (column >= 0) gatesOf(prompt, sequence, row0, column, mine, tokens, gates, inputs);
    uint4 packed;
    packed.x = pack(inputs[0], inputs[1]), packed.y = pack(inputs[2], inputs[3]);
    packed.z = pack(inputs[4], inputs[5]), packed.w = pack(inputs[6], inputs[7]);
    *reinterpret_cast<uint4*>(ownInputs) = packed;
    __syncthreads();
    channel.run(shared.tokens.inputs + warp * inputStride, min(chunksAtOnce, (tokens - first) / chunk),
                shared.steps[warp], shared.tokens.outputs + warp * outputStride);
    __syncthreads();
    if (column < 0) continue;
#pragma unroll
    for (int i = 0; i < each; ++i)
      if (mine + i < tokens) out[std::size_t(mine + i) * prompt.stride] = fromFloat<Half>(gates[i] * ownOutputs[i]);
  }
  channel.storeStates(m, g, sequence, warp);
}

}  // namespace

int promptChunks(const MixerPrompt& prompt, const ModalView& m, const Launch& where) {
  if (prompt.tokens < fewestTokens || m.mostSlots > modes || prompt.shortFilter.taps > 3) return 0;
  const int tokens = prompt.tokens / chunk * chunk;
  launch(chunksKernel, dim3(static_cast<unsigned>(m.groups), static_cast<unsigned>(prompt.sequences)), threads,
         sizeof(Shared), where, prompt, m, tokens);
  return tokens;
}

}  // namespace engine::cuda
