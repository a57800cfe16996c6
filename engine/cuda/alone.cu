// A block of threads on every multiprocessor walks through all matrices of a step. What a product needs of the one before
// comes from all of them, number by number, each with its epoch: whoever reads asks again until all epochs are those of
// the operation before. No meeting and no fence stands between the last sum and its use. While a block waits, its rings
// (ring.cuh) fill with what comes next, so that the stream of weights does not break off.
//
// A number is overwritten one layer later, by a block that has heard from every block since they read it: each block
// says at least one number in every operation, so there are never more blocks than channels.
#include "engine/cuda/alone.h"
#include "engine/cuda/exchange.cuh"
#include "engine/cuda/mixer.cuh"
#include "engine/cuda/ring.cuh"
#include "engine/cuda/walk.cuh"

namespace engine::cuda {
namespace {

constexpr int threads = exchangeThreads;  // that multiply; a warp more fills the rings
constexpr int normVectors = 2;  // of four channels, for each thread
constexpr int mostWidth = 4 * normVectors * threads;
constexpr int mostTaps = 3;
constexpr int leastSlots = 3, mostSlots = 6;  // of a warp: 12.5 to 25 MB on their way on 132 multiprocessors

Areas areasOf(const AloneStep& s, Type type, int grid, std::size_t most) {
  const auto element = bytesOf(type);
  std::size_t pieces = 0;
  Areas a{};
  Share* share = a.share;
  for (const AloneMatrix* m : {&s.in, &s.out, &s.mlpIn, &s.mlpOut, &s.head}) {
    const int unit = m == &s.in ? 3 : m == &s.mlpIn ? 2 : 1, units = m->outputs / unit;
    const int rowBytes = m->inputs * static_cast<int>(element), parts = partsOf(rowBytes);
    *share++ = {unit, units / grid, units % grid, parts, partBytesOf(rowBytes, parts)};
    const auto own = std::size_t(unit) * (units / grid + 1) * parts;
    if (own > pieces) pieces = own;
  }
  for (a.slots = mostSlots; a.slots >= leastSlots; --a.slots) {
    a.barriers = std::size_t(ringWarps) * a.slots * slotBytes;
    a.input = a.barriers + 2 * ringWarps * a.slots * sizeof(std::uint64_t);
    a.sums = a.input + (s.mlpOut.inputs > s.in.inputs ? s.mlpOut.inputs : s.in.inputs) * element;
    a.bytes = a.sums + pieces * sizeof(float);
    if (a.bytes <= most) break;
  }
  return a;
}

#if __CUDA_ARCH__ >= 900

__device__ inline float sumOfBlock(float x, float* shared) {
  x = warpSum(x);
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = x;
  synchronize();
  float sum = 0;
#pragma unroll
  for (int w = 0; w < ringWarps; ++w) sum += shared[w];
  return sum;
}

// The norm of the residual stream by the whole block; what does not depend on it is loaded by the constructor.
class NormOfBlock {
 public:
  __device__ NormOfBlock(const NormView& norm, bool wanted) : m_norm(norm) {
#pragma unroll
    for (int v = 0; v < normVectors; ++v) {
      m_scale[v] = m_shift[v] = make_float4(0, 0, 0, 0);
      if (!wanted || at(v) >= norm.width) continue;
      m_scale[v] = *reinterpret_cast<const float4*>(norm.scale + at(v));
      if (norm.shift) m_shift[v] = *reinterpret_cast<const float4*>(norm.shift + at(v));
    }
  }
  // load(i): channels i to i + 3.
  template <class T, class Load>
  __device__ void run(Load&& load, T* to) const {
    __shared__ float shared[2][ringWarps];
    const int width = m_norm.width;
    float4 x[normVectors];
    float sum = 0;
#pragma unroll
    for (int v = 0; v < normVectors; ++v) {
      x[v] = at(v) < width ? load(at(v)) : make_float4(0, 0, 0, 0);
      sum += (x[v].x + x[v].y) + (x[v].z + x[v].w);
    }
    const float mean = m_norm.shift ? sumOfBlock(sum, shared[0]) / width : 0.0F;
    float squares = 0;
#pragma unroll
    for (int v = 0; v < normVectors; ++v) {
      if (at(v) >= width) continue;
      x[v] = make_float4(x[v].x - mean, x[v].y - mean, x[v].z - mean, x[v].w - mean);
      squares += (x[v].x * x[v].x + x[v].y * x[v].y) + (x[v].z * x[v].z + x[v].w * x[v].w);
    }
    const float multiplier = rsqrtf(sumOfBlock(squares, shared[1]) / width + m_norm.eps);
#pragma unroll
    for (int v = 0; v < normVectors; ++v) {
      if (at(v) >= width) continue;
      const float own[4] = {x[v].x, x[v].y, x[v].z, x[v].w};
      const float scale[4] = {m_scale[v].x, m_scale[v].y, m_scale[v].z, m_scale[v].w};
      const float shift[4] = {m_shift[v].x, m_shift[v].y, m_shift[v].z, m_shift[v].w};
#pragma unroll
      for (int e = 0; e < 4; ++e) to[at(v) + e] = fromFloat<T>(fmaf(own[e] * multiplier, scale[e], shift[e]));
    }
    synchronize();
  }

 private:
  __device__ static int at(int v) { return 4 * (v * threads + static_cast<int>(threadIdx.x)); }
  const NormView& m_norm;
  float4 m_scale[normVectors], m_shift[normVectors];
};

// Half a warp for a channel: a mode for each lane. Everything but the streams is loaded by load(), ahead of its use.
template <class T>
class Channel {
 public:
  __device__ void load(const AloneStep& s, std::size_t shift, const RowOp& op, int c, int position) {
    m_active = c < op.rows / 3;
    if (!m_active) return;
    m_place = op.place[c];
    const int column = streamColumn(0, m_place.column);
    const float* weight = shifted(s.shortFilter.weight, shift) + column;
    const float* shortBias = shifted(s.shortFilter.bias, shift) + column;
    const T* bias = static_cast<const T*>(shifted(s.in.bias, shift)) + column;
    const int columns = streamColumns(s.width), slots = s.shortFilter.taps - 1;
    const T* history = static_cast<const T*>(m_place.history) + column;
#pragma unroll
    for (int stream = 0; stream < 3; ++stream) {
      m_bias[stream] = toFloat(bias[stream * streamChannels]);
      m_newest[stream] = weight[stream * streamChannels];
      m_past[stream] = shortBias[stream * streamChannels];
    }
    float past[mostTaps][3] = {}, taps[mostTaps][3] = {};
#pragma unroll
    for (int lag = 1; lag < mostTaps; ++lag)
      if (lag <= slots && lag <= position)
#pragma unroll
        for (int stream = 0; stream < 3; ++stream) {
          past[lag][stream] = toFloat(history[(position - lag) % slots * columns + stream * streamChannels]);
          taps[lag][stream] = weight[lag * columns + stream * streamChannels];
        }
    m_modes.coefficients = m_place.coefficients;
    m_modes.state = m_place.state;
    m_group = {m_place.pairs, m_place.reals, 0, 0};
    m_channel = (op.first + c) % groupSize;
    if (lane() < slotCount()) {
      m_state = loadState(stateOf(m_modes, m_group, 0, lane(), m_channel), lane() < m_group.pairs);
      m_mode = loadSlot(m_modes, m_group, lane(), m_channel);
    }
#pragma unroll
    for (int lag = 1; lag < mostTaps; ++lag)
#pragma unroll
      for (int stream = 0; stream < 3; ++stream) m_past[stream] = fmaf(taps[lag][stream], past[lag][stream], m_past[stream]);
  }
  // sums: of the channel's three rows.
  __device__ void run(const AloneStep& s, const RowOp& op, const float* sums, int position, unsigned epoch) {
    float filtered[3] = {};
    __syncwarp();  // all lanes have read the history
    if (m_active) {
#pragma unroll
      for (int stream = 0; stream < 3; ++stream) {
        float sum = m_bias[stream];
#pragma unroll 1
        for (int part = 0; part < op.parts; ++part) sum += sums[stream * op.parts + part];
        const T newest = fromFloat<T>(sum);
        filtered[stream] = fmaf(m_newest[stream], toFloat(newest), m_past[stream]);
        const int slots = s.shortFilter.taps - 1;
        if (lane() == stream && slots > 0)
          static_cast<T*>(m_place.history)[position % slots * streamColumns(s.width) + streamColumn(stream, m_place.column)] =
              newest;
      }
    }
    const float input = rounded<T>(filtered[1] * filtered[2]);
    float sum = 0;
#pragma unroll 1
    for (int slot = lane(); m_active && slot < slotCount(); slot += groupSize) {
      const bool pair = slot < m_group.pairs;
      float* at = stateOf(m_modes, m_group, 0, slot, m_channel);
      if (slot != lane()) {
        m_state = loadState(at, pair);
        m_mode = loadSlot(m_modes, m_group, slot, m_channel);
      }
      sum += m_mode.read(m_state.x, m_state.y);
      m_mode.step(m_state.x, m_state.y, input);
      storeState(at, pair, m_state.x, m_state.y);
    }
    __syncwarp();
#pragma unroll
    for (int offset = groupSize / 2; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, offset);
    if (m_active && lane() == 0)
      say(s.mixed + m_place.column, bitsOf<T>(filtered[0] * fmaf(m_place.direct, input, sum)), epoch);
  }

 private:
  __device__ static int lane() { return threadIdx.x % groupSize; }
  __device__ int slotCount() const { return m_group.pairs + m_group.reals; }
  bool m_active = false;
  AlonePlace m_place;
  ModalView m_modes;
  GroupView m_group;
  int m_channel;
  float m_bias[3], m_newest[3], m_past[3];  // of the projection; weight of lag 0; the rest of the short filter
  float2 m_state;
  Slot m_mode;
};

#endif

template <class T>
__global__ __launch_bounds__(threads + 32, 1) void stepKernel(const __grid_constant__ AloneStep s,
                                                               const __grid_constant__ Areas areas) {
#if __CUDA_ARCH__ >= 900
  extern __shared__ __align__(128) unsigned char memory[];
  T* x = reinterpret_cast<T*>(memory + areas.input);
  float* sums = reinterpret_cast<float*>(memory + areas.sums);
  const Rings rings{areas.slots, memory, reinterpret_cast<std::uint64_t*>(memory + areas.barriers)};
  const int own = threadIdx.x;
  if (own == 0) rings.begin();
  __syncthreads();
  letSuccessorStart();
  if (own >= threads) {
    if (own % 32 >= ringWarps) return;
    RingFiller filler(rings);
#pragma unroll 1
    for (Walk<T> walk(s, areas, 0); !walk.done(); walk.next()) filler.run(walk.op());
    return;
  }
  RingReader<T> ring(rings);
  waitForPredecessor();
  const int position = s.control->position;
  const unsigned epoch0 = *s.epoch;
  const T* embedding = static_cast<const T*>(s.embedding.table) + std::size_t(*s.embedding.tokens) * s.embedding.stride;
  const float* shift = s.embedding.positions ? s.embedding.positions + std::size_t(position) * s.embedding.stride : nullptr;
  const auto embedded = [&](int i) { return toFloat(embedding[i]) + (shift ? shift[i] : 0.0F); };

#pragma unroll 1
  for (Walk<T> walk(s, areas, 0); !walk.done(); walk.next()) {
    const int stage = walk.stage();
    const bool head = walk.head(), mixes = walk.mixes();
    const unsigned heard = epoch0 + walk.index(), said = heard + 1;
    const RowOp op = walk.op();
    const NormView norm = walk.norm();
    const NormOfBlock normalize(norm, walk.afterNorm());
    const void* bias = walk.bias();
    const auto biasOf = [&](int i) {
      if (!bias) return 0.0F;
      return stage == mlpIn ? toFloat(static_cast<const T*>(bias)[op.first + i])
                            : static_cast<const float*>(bias)[op.first + i];
    };
    // Before the wait, what does not depend on it: the residual was heard an operation ago.
    constexpr int perWord = 4 / sizeof(T);
    const bool single = !mixes && stage != mlpIn && own < op.rows, several = stage == mlpIn && own * perWord < op.rows;
    const float firstBias = single ? biasOf(own) : several ? biasOf(own * perWord) : 0;
    const float secondBias = several && perWord > 1 ? biasOf(own * perWord + 1) : 0;
    const auto oldOf = [&](int i) {
      return walk.index() == out ? embedded(op.first + i) : __uint_as_float(__ldcg(&s.residual[op.first + i].x));
    };
    const float firstOld = single && !head ? oldOf(own) : 0;
    Channel<T> channel;
    if (mixes) channel.load(s, walk.shift(), op, own / groupSize, position);

    if (walk.afterNorm()) {
      normalize.run(
          [&](int i) {
            if (walk.index() == 0) return make_float4(embedded(i), embedded(i + 1), embedded(i + 2), embedded(i + 3));
            uint4 two[2];
            hear(s.residual, i, 2, s.width, heard, two);
            return make_float4(__uint_as_float(two[0].x), __uint_as_float(two[0].z), __uint_as_float(two[1].x),
                               __uint_as_float(two[1].z));
          },
          x);
    } else {
      const bool packed = stage == mlpOut && perWord > 1;
      hearAll(stage == out ? s.mixed : s.hidden, op.rowBytes / static_cast<int>(packed ? 4 : sizeof(T)), packed, heard, x);
    }
    ring.take(op, x);
    ring.run(op, sums);
    synchronize();

    const auto sumOf = [&](int i, float start) {
#pragma unroll 1
      for (int part = 0; part < op.parts; ++part) start += sums[i * op.parts + part];
      return start;
    };
    if (mixes) {
      channel.run(s, op, sums + own / groupSize * 3 * op.parts, position, said);
    } else if (stage == mlpIn) {
#pragma unroll 1
      for (int i = own * perWord; i < op.rows; i += threads * perWord) {
        unsigned bits = 0;
#pragma unroll
        for (int e = 0; e < perWord; ++e) {
          const float start = i >= threads * perWord ? biasOf(i + e) : e == 0 ? firstBias : secondBias;
          bits |= bitsOf<T>(gelu(sumOf(i + e, start))) << 16 * e;
        }
        say(s.hidden + (op.first + i) / perWord, bits, said);
      }
    } else {
#pragma unroll 1
      for (int i = own; i < op.rows; i += threads) {
        const float sum = sumOf(i, i == own ? firstBias : biasOf(i));
        if (head)
          s.logits[op.first + i] = sum;
        else
          say(s.residual + op.first + i, __float_as_uint(sum + (i == own ? firstOld : oldOf(i))), said);
      }
    }
  }
  if (blockIdx.x == 0 && own == 0) {
    s.control->position = position + 1;
    *s.epoch = epoch0 + 4 * s.blocks + 1;
  }
#endif
}

int attributeOf(cudaDeviceAttr attribute) {
  int device = 0, value = 0;
  checkLaunch(cudaGetDevice(&device));
  checkLaunch(cudaDeviceGetAttribute(&value, attribute, device));
  return value;
}

int gridOf(const AloneStep& s) {
  const int processors = attributeOf(cudaDevAttrMultiProcessorCount);
  const int most = s.mlpIn.outputs / 2 < s.width ? s.mlpIn.outputs / 2 : s.width;
  return processors < most ? processors : most;
}

std::size_t sharedLimit() {
  return static_cast<std::size_t>(attributeOf(cudaDevAttrMaxSharedMemoryPerBlockOptin)) - 1024;
}

}  // namespace

bool canStepAlone(const AloneStep& s, Type type) {
  if (attributeOf(cudaDevAttrComputeCapabilityMajor) < 9) return false;
  // A half-warp for each channel.
  if (s.width < groupSize || s.width > mostWidth || s.width > threads / groupSize * gridOf(s) || s.width % groupSize != 0 || s.shortFilter.taps > mostTaps) return false;
  const int element = static_cast<int>(bytesOf(type));
  for (const AloneMatrix* m : {&s.in, &s.out, &s.mlpIn, &s.mlpOut, &s.head})
    if (partsOf(m->inputs * element) > mostParts) return false;
  return areasOf(s, type, gridOf(s), sharedLimit()).slots >= leastSlots;
}

void stepAlone(const AloneStep& s, Type type, const Launch& where) {
  const int grid = gridOf(s);
  const Areas areas = areasOf(s, type, grid, sharedLimit());
  if (type == Type::float32)
    launch(stepKernel<float>, grid, threads + 32, areas.bytes, where, s, areas);
  else
    launch(stepKernel<Half>, grid, threads + 32, areas.bytes, where, s, areas);
}

}  // namespace engine::cuda
