// The modal recurrence in blocks (engine/cpu/blocked.h): most tokens read one response and a few past inputs; once in
// `length` tokens a group folds its inputs into the state and makes the next responses, in a kernel of its own: it
// needs registers, the step threads. Groups take turns.
#include "engine/cuda/power.cuh"

namespace engine::cuda {
namespace {

constexpr int threads = 128;

__device__ inline int phaseOf(const BlockView& b, int group, int position) {
  return (position + group + b.stagger) % b.length;
}

// What a block of threads shares: inputs [length][16], sums [4 warps][length][16].
struct Scratch {
  float* inputs;
  float* sums;
};

// Adds Re(R lambda^(j - first) x) to this warp's sums of the phases j >= first. All threads of the warp take part.
__device__ inline void addResponses(const Slot& c, float a, float b, bool valid, int first, int length, float* sums) {
  const int lane = threadIdx.x % 32, channel = lane % groupSize;
  float re = 0, im = 0;
  if (valid) re = c.residueRe * a - c.residueIm * b, im = c.residueRe * b + c.residueIm * a;
  constexpr int together = 8;  // phases whose sums are read and written at once
  for (int j0 = first; j0 < length; j0 += together) {
    float both[together], old[together];
#pragma unroll
    for (int i = 0; i < together; ++i) {
      both[i] = re;
      const float next = c.re * re - c.im * im;
      im = c.re * im + c.im * re;
      re = next;
    }
#pragma unroll
    for (int i = 0; i < together; ++i) both[i] += __shfl_xor_sync(0xffffffffu, both[i], groupSize);
    if (lane >= groupSize) continue;
#pragma unroll
    for (int i = 0; i < together; ++i) old[i] = j0 + i < length ? sums[(j0 + i) * groupSize + channel] : 0.0F;
#pragma unroll
    for (int i = 0; i < together; ++i)
      if (j0 + i < length) sums[(j0 + i) * groupSize + channel] = old[i] + both[i];
  }
}

__device__ inline void clearSums(const Scratch& scratch, int length) {
  for (int i = threadIdx.x; i < 4 * length * groupSize; i += threads) scratch.sums[i] = 0;
}

__device__ inline void storeResponses(const Scratch& scratch, int first, int length, float* responses) {
  const int size = length * groupSize;
  for (int i = first * groupSize + threadIdx.x; i < size; i += threads)
    responses[i] = (scratch.sums[i] + scratch.sums[size + i]) + (scratch.sums[2 * size + i] + scratch.sums[3 * size + i]);
}

// Equation (4) of the engine page for one sequence, then the responses of the next block.
template <class T>
__device__ void turnOver(const ModalView& m, const BlockView& b, const GroupView& g, int group, int sequence, int start,
                         const Scratch& scratch) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, channel = lane % groupSize, length = b.length;
  const std::size_t ring = (std::size_t(sequence) * m.groups + group) * length * groupSize;
  const T* kept = static_cast<const T*>(b.inputs) + ring;
  for (int i = threadIdx.x; i < length * groupSize; i += threads) scratch.inputs[i] = toFloat(kept[i]);
  clearSums(scratch, length);
  __syncthreads();
  const bool whole = start == 0;
  const int slots = g.pairs + g.reals;
  for (int base = 2 * warp; base < slots; base += slotLanes) {
    const int slot = base + lane / groupSize;
    const bool valid = slot < slots;
    Slot c = {};
    float a = 0, d = 0;
    if (valid) {
      c = loadSlot(m, g, slot, channel);
      float* at = stateOf(m, g, sequence, slot, channel);
      const float2 x = loadState(at, slot < g.pairs);
      if (whole) {
        for (int j = 0; j < length; ++j) foldInput(c, a, d, scratch.inputs[j * groupSize + channel]);
        loadPower(b.powers, g, slot, channel).addTo(a, d, x.x, x.y);
      } else {
        a = x.x, d = x.y;
        for (int j = start; j < length; ++j) c.step(a, d, scratch.inputs[j * groupSize + channel]);
      }
      storeState(at, slot < g.pairs, a, d);
    }
    addResponses(c, a, d, valid, 0, length, scratch.sums + warp * length * groupSize);
  }
  __syncthreads();
  storeResponses(scratch, 0, length, b.responses + ring);
  __syncthreads();
}

// The first phase of the running block with an input: > 0 in the first block after a prompt.
__device__ inline int startOf(const Control& control, int now) {
  return max(0, now - (control.position - control.firstStep));
}

// Sums over the 16 rows of a warp, whose lanes 2 r and 2 r + 1 hold eight channels each of row r: the result is that of
// channel sumChannel(lane).
__device__ inline float sumRows(const float (&x)[8], int lane) {
  float four[4], two[2];
  const bool upper4 = lane & 16, upper2 = lane & 8, upper1 = lane & 4;
#pragma unroll
  for (int e = 0; e < 4; ++e)
    four[e] = (upper4 ? x[e + 4] : x[e]) + __shfl_xor_sync(0xffffffffu, upper4 ? x[e] : x[e + 4], 16);
#pragma unroll
  for (int e = 0; e < 2; ++e)
    two[e] = (upper2 ? four[e + 2] : four[e]) + __shfl_xor_sync(0xffffffffu, upper2 ? four[e] : four[e + 2], 8);
  const float one = (upper1 ? two[1] : two[0]) + __shfl_xor_sync(0xffffffffu, upper1 ? two[0] : two[1], 4);
  return one + __shfl_xor_sync(0xffffffffu, one, 2);
}
__device__ inline int sumChannel(int lane) {
  return lane % 2 * 8 + (lane & 16 ? 4 : 0) + (lane & 8 ? 2 : 0) + (lane & 4 ? 1 : 0);
}

// A block of threads takes `Sequences` of one group. Many small blocks, each with all its loads on their way at once,
// measured better than fewer that walk through sequences.
template <class T, int Sequences>
__global__ __launch_bounds__(threads) void stepKernel(MixerStep step, ModalView m, BlockView b) {
  constexpr int rows = (Sequences + 3) / 4;   // sequences whose past a warp sums
  constexpr int owned = (Sequences + 7) / 8;  // sequences whose channel a thread makes
  __shared__ float sums[Sequences][groupSize];
  letSuccessorStart();
  const int group = blockIdx.x, first = blockIdx.y * Sequences, length = b.length;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int channel = threadIdx.x % groupSize, own = threadIdx.x / groupSize, place = group * groupSize + channel;
  const int column = m.order[place];
  const float direct = m.direct[place];
  waitForPredecessor();
  const int position = step.control->position;
  const int now = phaseOf(b, group, position), start = startOf(*step.control, now);
  const auto present = [&](int s) { return s < Sequences && first + s < step.batch; };
  const auto ring = [&](int s) { return (std::size_t(first + s) * m.groups + group) * length * groupSize; };
  T* const inputs = static_cast<T*>(b.inputs);

  // The past of the block: a warp takes 16 rows of a sequence at once, a lane eight channels of one.
  const int row = lane / 2, eight = lane % 2 * 8;
  const bool inside = row >= start && row < now;
  const float* taps = b.taps + std::size_t(group) * length * groupSize + eight;
  Eight<T> past[rows];
#pragma unroll
  for (int j = 0; j < rows; ++j) {
    past[j].clear();
    if (present(warp + 4 * j) && inside) past[j].load(inputs + ring(warp + 4 * j) + row * groupSize + eight);
  }
  float response[owned], gate[owned] = {}, input[owned] = {};
#pragma unroll
  for (int i = 0; i < owned; ++i)
    response[i] = present(own + 8 * i) ? b.responses[ring(own + 8 * i) + now * groupSize + channel] : 0.0F;
  if (column >= 0) {
    if (Gates<T>::fit(step.shortFilter)) {
      const Gates<T> gates(step, position, column);
      typename Gates<T>::Inputs in[owned];
#pragma unroll
      for (int i = 0; i < owned; ++i)
        if (present(own + 8 * i)) in[i] = gates.load(first + own + 8 * i);
#pragma unroll
      for (int i = 0; i < owned; ++i)
        if (present(own + 8 * i)) gates.apply(in[i], first + own + 8 * i, gate[i], input[i]);
    } else {
      for (int i = 0; i < owned; ++i)
        if (present(own + 8 * i)) gateStep<T>(step, first + own + 8 * i, position, column, gate[i], input[i]);
    }
  }
#pragma unroll
  for (int i = 0; i < owned; ++i)
    if (present(own + 8 * i)) inputs[ring(own + 8 * i) + now * groupSize + channel] = fromFloat<T>(input[i]);

  float tap[8] = {};
#pragma unroll
  for (int e = 0; e < 8; ++e)
    if (inside) tap[e] = taps[(now - row) * groupSize + e];
#pragma unroll
  for (int j = 0; j < rows; ++j) {
    const int s = warp + 4 * j;
    float values[8], sum[8];
    past[j].unpack(values);
#pragma unroll
    for (int e = 0; e < 8; ++e) sum[e] = tap[e] * values[e];
    for (int r = row + 16; r < now; r += 16) {
      if (r < start || !present(s)) continue;
      Eight<T> raw;
      raw.load(inputs + ring(s) + r * groupSize + eight);
      raw.unpack(values);
#pragma unroll
      for (int e = 0; e < 8; ++e) sum[e] = fmaf(taps[(now - r) * groupSize + e], values[e], sum[e]);
    }
    const float total = sumRows(sum, lane);
    if (s < Sequences && (lane & 2) == 0) sums[s][sumChannel(lane)] = total;
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < owned; ++i) {
    if (!present(own + 8 * i) || column < 0) continue;
    const float y = fmaf(direct, input[i], response[i]) + sums[own + 8 * i][channel];
    static_cast<T*>(step.out)[std::size_t(first + own + 8 * i) * step.stride + column] = fromFloat<T>(gate[i] * y);
  }
}

// For every group whose block ends with this token, after stepKernel.
template <class T>
__global__ __launch_bounds__(threads) void turnKernel(MixerStep step, ModalView m, BlockView b) {
  extern __shared__ __align__(16) float memory[];
  letSuccessorStart();
  waitForPredecessor();
  const int group = blockIdx.x * b.length + (b.length - 1 - phaseOf(b, 0, step.control->position));
  if (group >= m.groups) return;
  turnOver<T>(m, b, m.group[group], group, blockIdx.y, startOf(*step.control, b.length - 1),
              Scratch{memory, memory + b.length * groupSize});
}

// The same for blocks of 16 tokens and at most 8 K modes a channel: a block of threads takes `each` sequences one after
// the other, the next one on its way, and keeps sums in registers.
constexpr int usualLength = 16;
template <class T, int K>
__global__ __launch_bounds__(threads) void usualTurnKernel(MixerStep step, ModalView m, BlockView b, int each) {
  constexpr int length = usualLength, size = length * groupSize;
  __shared__ float inputs[size];
  __shared__ float sums[4 * size];
  letSuccessorStart();
  waitForPredecessor();
  const int group = blockIdx.x * length + (length - 1 - phaseOf(b, 0, step.control->position));
  if (group >= m.groups) return;
  const GroupView g = m.group[group];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, channel = lane % groupSize;
  const int firstSlot = 2 * warp + lane / groupSize, slots = g.pairs + g.reals;
  const int first = blockIdx.y * each, end = min(first + each, step.batch), start = startOf(*step.control, length - 1);
  const auto ring = [&](int sequence) { return (std::size_t(sequence) * m.groups + group) * size; };
  Slot c[K];
  Power p[K];
  float2 coming[K];
  T kept[size / threads];
  const auto fetch = [&](int sequence) {
#pragma unroll
    for (int k = 0; k < K; ++k) {
      const int slot = firstSlot + k * slotLanes;
      coming[k] = slot < slots ? loadState(stateOf(m, g, sequence, slot, channel), slot < g.pairs) : make_float2(0, 0);
    }
#pragma unroll
    for (int i = 0; i < size / threads; ++i)
      kept[i] = static_cast<const T*>(b.inputs)[ring(sequence) + i * threads + threadIdx.x];
  };
  if (first < end) fetch(first);
#pragma unroll
  for (int k = 0; k < K; ++k) {
    const int slot = firstSlot + k * slotLanes;
    c[k] = {};
    p[k] = {};
    if (slot < slots) c[k] = loadSlot(m, g, slot, channel), p[k] = loadPower(b.powers, g, slot, channel);
  }
  for (int sequence = first; sequence < end; ++sequence) {
    float2 x[K];
#pragma unroll
    for (int k = 0; k < K; ++k) x[k] = coming[k];
#pragma unroll
    for (int i = 0; i < size / threads; ++i) inputs[i * threads + threadIdx.x] = toFloat(kept[i]);
    __syncthreads();
    if (sequence + 1 < end) fetch(sequence + 1);
    float a[K] = {}, d[K] = {};
    if (start == 0) {
#pragma unroll
      for (int j = 0; j < length; ++j)
#pragma unroll
        for (int k = 0; k < K; ++k) foldInput(c[k], a[k], d[k], inputs[j * groupSize + channel]);
#pragma unroll
      for (int k = 0; k < K; ++k) p[k].addTo(a[k], d[k], x[k].x, x[k].y);
    } else {
#pragma unroll
      for (int k = 0; k < K; ++k) a[k] = x[k].x, d[k] = x[k].y;
      for (int j = start; j < length; ++j)
#pragma unroll
        for (int k = 0; k < K; ++k) c[k].step(a[k], d[k], inputs[j * groupSize + channel]);
    }
    float responses[length] = {};
#pragma unroll
    for (int k = 0; k < K; ++k) {
      const int slot = firstSlot + k * slotLanes;
      if (slot >= slots) break;
      storeState(stateOf(m, g, sequence, slot, channel), slot < g.pairs, a[k], d[k]);
      float re = c[k].residueRe * a[k] - c[k].residueIm * d[k], im = c[k].residueRe * d[k] + c[k].residueIm * a[k];
#pragma unroll
      for (int j = 0; j < length; ++j) {
        responses[j] += re;
        const float next = c[k].re * re - c[k].im * im;
        im = c[k].re * im + c[k].im * re;
        re = next;
      }
    }
#pragma unroll
    for (int j = 0; j < length; ++j) {
      responses[j] += __shfl_xor_sync(0xffffffffu, responses[j], groupSize);
      if (lane < groupSize) sums[warp * size + j * groupSize + channel] = responses[j];
    }
    __syncthreads();
    storeResponses(Scratch{inputs, sums}, 0, length, b.responses + ring(sequence));
  }
}

__global__ __launch_bounds__(threads) void startKernel(MixerStep step, ModalView m, BlockView b) {
  extern __shared__ __align__(16) float memory[];
  letSuccessorStart();
  waitForPredecessor();
  const int group = blockIdx.x, sequence = blockIdx.y;
  const GroupView g = m.group[group];
  const Scratch scratch{memory, memory + b.length * groupSize};
  const int first = phaseOf(b, group, step.control->position);
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, channel = lane % groupSize, slots = g.pairs + g.reals;
  clearSums(scratch, b.length);
  __syncthreads();
  for (int base = 2 * warp; base < slots; base += slotLanes) {
    const int slot = base + lane / groupSize;
    const bool valid = slot < slots;
    Slot c = {};
    float2 x = make_float2(0, 0);
    if (valid) {
      c = loadSlot(m, g, slot, channel);
      x = loadState(stateOf(m, g, sequence, slot, channel), slot < g.pairs);
    }
    addResponses(c, x.x, x.y, valid, first, b.length, scratch.sums + warp * b.length * groupSize);
  }
  __syncthreads();
  storeResponses(scratch, first, b.length,
                 b.responses + (std::size_t(sequence) * m.groups + group) * b.length * groupSize);
}

std::size_t sharedBytes(const BlockView& b) {
  return std::size_t(5) * b.length * groupSize * sizeof(float);
}

constexpr unsigned turnBlocks = 132 * 5;  // blocks of threads that are at work at once

template <class T>
void stepAll(const MixerStep& step, const ModalView& m, const BlockView& b, const Launch& where) {
  const auto go = [&](auto kernel, int sequences) {
    launch(kernel, dim3(m.groups, blocksFor(step.batch, sequences)), threads, 0, where, step, m, b);
  };
  if (step.batch == 1)
    go(stepKernel<T, 1>, 1);
  else if (step.batch <= 4)
    go(stepKernel<T, 4>, 4);
  else if (step.batch < 128)
    go(stepKernel<T, 8>, 8);
  else
    go(stepKernel<T, 16>, 16);
  const unsigned turning = blocksFor(m.groups, b.length);
  if (b.length != usualLength || m.mostSlots > 4 * slotLanes)
    return launch(turnKernel<T>, dim3(turning, step.batch), threads, sharedBytes(b), where, step, m, b);
  const int each = static_cast<int>(blocksFor(std::size_t(turning) * step.batch, turnBlocks));
  const dim3 grid(turning, blocksFor(step.batch, each));
  if (m.mostSlots <= 2 * slotLanes)
    launch(usualTurnKernel<T, 2>, grid, threads, 0, where, step, m, b, each);
  else
    launch(usualTurnKernel<T, 4>, grid, threads, 0, where, step, m, b, each);
}

}  // namespace

void stepBlocked(const MixerStep& step, const ModalView& m, const BlockView& b, Type type, const Launch& where) {
  type == Type::float32 ? stepAll<float>(step, m, b, where) : stepAll<Half>(step, m, b, where);
}

void startBlocks(const MixerStep& step, const ModalView& m, const BlockView& b, Type, const Launch& where) {
  launch(startKernel, dim3(m.groups, step.batch), threads, sharedBytes(b), where, step, m, b);
}

}  // namespace engine::cuda
