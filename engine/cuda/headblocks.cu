// The recurrence of MultiHyena's heads in blocks (engine/cpu/blockedheads.h): most tokens read the responses of one
// phase and the keys and values since the block began; once in `length` tokens a head folds them into its state and
// makes the next responses, in a kernel of its own: it needs many registers, the step many threads. Heads take turns.
#include "engine/cuda/heads.cuh"
#include "engine/cuda/power.cuh"

namespace engine::cuda {
namespace {

constexpr int together = 4;  // modes of a thread that share their inputs
constexpr int stepThreads = 128;

__device__ inline int phaseOf(const HeadBlocksView& b, int place, int position) {
  return (position + place + b.stagger) % b.length;
}

// Where a sequence's head keeps its block.
struct Kept {
  std::size_t row;  // [batch, heads] times length
  __device__ Kept(const HeadsView& h, const HeadBlocksView& b, int sequence, int place)
      : row((std::size_t(sequence) * h.heads + place) * b.length) {}
  template <class T>
  __device__ T* key(const HeadsView& h, const HeadBlocksView& b, int phase) const {
    return static_cast<T*>(b.inputs) + (row + phase) * 2 * h.headWidth;  // its value follows
  }
  __device__ float* response(const HeadsView& h, const HeadBlocksView& b, int phase) const {
    return b.responses + (row + phase) * h.headWidth * h.headWidth;
  }
};

// Sums [length][headThreads] of Re(R lambda^(p - first) x) over this thread's modes, phases p >= first.
__device__ inline void addResponses(const Slot (&c)[together], const float (&a)[together], const float (&d)[together],
                                    int first, int length, bool fresh, float* sums) {
  float re[together], im[together];
#pragma unroll
  for (int k = 0; k < together; ++k) {
    re[k] = fmaf(c[k].residueRe, a[k], -c[k].residueIm * d[k]);
    im[k] = fmaf(c[k].residueRe, d[k], c[k].residueIm * a[k]);
  }
  for (int p = first; p < length; ++p) {
    float* to = sums + p * headThreads + threadIdx.x;
    const float sum = (re[0] + re[1]) + (re[2] + re[3]);
    *to = fresh ? sum : *to + sum;
#pragma unroll
    for (int k = 0; k < together; ++k) {
      const float next = fmaf(c[k].re, re[k], -c[k].im * im[k]);
      im[k] = fmaf(c[k].re, im[k], c[k].im * re[k]);
      re[k] = next;
    }
  }
}

// Passes over all entries and modes of a head: change(c, slots, a, d, i, j) may change the states, which are then
// stored; the responses from phase `first` on go where they belong. All threads of the block take part.
template <class Change>
__device__ void respond(const HeadsView& h, const HeadBlocksView& b, const Head& head, int sequence, int first,
                        float* sums, Change&& change) {
  const ModalView& m = h.modes;
  const int size = h.headWidth, slots = head.slots();
  const EntryShare share = entryShare(size);
  const int part = threadIdx.x / share.chunk;
  const Kept kept(h, b, sequence, head.place);
  for (int base = 0; base < size * size; base += share.chunk) {
    const int entry = base + static_cast<int>(threadIdx.x) % share.chunk;
    const bool valid = part < share.parts && entry < size * size;
    int slot0 = part;
    do {
      Slot c[together];
      float a[together], d[together];
#pragma unroll
      for (int k = 0; k < together; ++k) {
        const int slot = slot0 + k * share.parts;
        c[k] = {};
        a[k] = d[k] = 0;
        if (!valid || slot >= slots) continue;
        c[k] = loadSlot(m, head.group, slot, head.lane);
        const float2 x = loadState(head.state(m, sequence, slot, entry), slot < head.group.pairs);
        a[k] = x.x, d[k] = x.y;
      }
      if (valid && change(c, slot0, share.parts, a, d, entry / size, entry % size)) {
#pragma unroll
        for (int k = 0; k < together; ++k) {
          const int slot = slot0 + k * share.parts;
          if (slot < slots)
            storeState(head.state(m, sequence, slot, entry), slot < head.group.pairs, a[k], d[k]);
        }
      }
      addResponses(c, a, d, first, b.length, slot0 == part, sums);
      slot0 += together * share.parts;
    } while (slot0 < slots);
    __syncthreads();
    for (int i = threadIdx.x; i < (b.length - first) * share.chunk; i += headThreads) {
      const int p = first + i / share.chunk, local = i % share.chunk;
      if (base + local >= size * size) continue;
      float sum = 0;
      for (int other = 0; other < share.parts; ++other) sum += sums[p * headThreads + other * share.chunk + local];
      kept.response(h, b, p)[base + local] = sum;
    }
    __syncthreads();
  }
}

// The first phase of the running block with an input: > 0 in the first block after a prompt.
__device__ inline int startOf(const Control& control, int now) {
  return max(0, now - (control.position - control.firstStep));
}

// For every head whose block ends with this token: its state there, then the responses of the next block. Staged: inputs are
// copied to shared memory first.
template <class T, bool Staged>
__global__ __launch_bounds__(headThreads) void turnKernel(MixerStep step, HeadsView h, HeadBlocksView b) {
  extern __shared__ float memory[];
  letSuccessorStart();
  waitForPredecessor();
  const int length = b.length, size = h.headWidth;
  const int place = blockIdx.x * length + (length - 1 - phaseOf(b, 0, step.control->position));
  if (place >= h.heads) return;
  const Head head(h, place);
  const int sequence = blockIdx.y, slots = head.slots(), start = startOf(*step.control, length - 1);
  float* sums = memory;
  float* rows = memory + length * headThreads;  // staged: [length][k, v][head width]
  const T* inputs = Kept(h, b, sequence, place).template key<T>(h, b, 0);
  const auto input = [&](int i) { return i >= start * 2 * size ? toFloat(inputs[i]) : 0.0F; };
  if constexpr (Staged) {
    for (int i = threadIdx.x; i < length * 2 * size; i += headThreads) rows[i] = input(i);
    __syncthreads();
  }
  const auto product = [&](int p, int i, int j) {
    const int key = p * 2 * size + i, value = p * 2 * size + size + j;
    if constexpr (Staged)
      return rows[key] * rows[value];
    else
      return input(key) * input(value);
  };
  respond(h, b, head, sequence, 0, sums,
          [&](const Slot(&c)[together], int slot0, int parts, float(&a)[together], float(&d)[together], int i, int j) {
            const float oldRe[together] = {a[0], a[1], a[2], a[3]}, oldIm[together] = {d[0], d[1], d[2], d[3]};
            if (start > 0) {
              for (int p = start; p < length; ++p) {
                const float u = product(p, i, j);
#pragma unroll
                for (int k = 0; k < together; ++k) c[k].step(a[k], d[k], u);
              }
              return true;
            }
#pragma unroll
            for (int k = 0; k < together; ++k) a[k] = d[k] = 0;
            for (int p = 0; p < length; ++p) {
              const float u = product(p, i, j);
#pragma unroll
              for (int k = 0; k < together; ++k) foldInput(c[k], a[k], d[k], u);
            }
#pragma unroll
            for (int k = 0; k < together; ++k) {
              const int slot = slot0 + k * parts;
              if (slot >= slots) break;
              loadPower(b.powers, head.group, slot, head.lane).addTo(a[k], d[k], oldRe[k], oldIm[k]);
            }
            return true;
          });
}

// Threads that share an output of a step: whatever the number of sequences.
__host__ __device__ inline int helpersOf(int size) {
  const int many = 64 / size;
  return many < 1 ? 1 : many < 8 ? many : 8;
}

template <class T, int Sequences>
__global__ __launch_bounds__(stepThreads) void stepKernel(MixerStep step, HeadsView h, HeadBlocksView b) {
  extern __shared__ float memory[];
  letSuccessorStart();
  const Head head(h, blockIdx.x);
  const ModalView& m = h.modes;
  const int size = h.headWidth, length = b.length, outputs = Sequences * size, firstSequence = blockIdx.y * Sequences;
  float* rows = memory;                       // [Sequences][q, k, v][head width]
  float* scores = rows + 3 * outputs;         // [Sequences][length]
  float* sums = scores + Sequences * length;  // [helpers][outputs]
  const float* taps = b.taps + std::size_t(head.place / groupSize) * length * groupSize + head.lane;
  const float direct = m.direct[head.place];
  waitForPredecessor();
  const int position = step.control->position, now = phaseOf(b, head.place, position);
  const int count = now - startOf(*step.control, now) + 1;
  for (int i = threadIdx.x; i < outputs; i += stepThreads) {
    const int s = i / size, c = i % size, sequence = firstSequence + s;
    float y[3] = {};
    if (sequence < step.batch) {
      headInputs<T>(step, sequence, position, head.head * size + c, y);
      T* key = Kept(h, b, sequence, head.place).template key<T>(h, b, now);
      key[c] = fromFloat<T>(y[1]);
      key[size + c] = fromFloat<T>(y[2]);
    }
    float* to = rows + s * 3 * size + c;
    to[0] = y[0], to[size] = y[1], to[2 * size] = y[2];
  }
  __syncthreads();
  for (int i = threadIdx.x; i < Sequences * count; i += stepThreads) {
    const int s = i / count, lag = i % count, sequence = firstSequence + s;
    const float *query = rows + s * 3 * size, *newest = query + size;
    float score = 0;
    if (lag == 0) {
      for (int c = 0; c < size; ++c) score = fmaf(query[c], newest[c], score);
    } else if (sequence < step.batch) {
      const T* key = Kept(h, b, sequence, head.place).template key<T>(h, b, now - lag);
      for (int c = 0; c < size % 8; ++c) score = fmaf(query[c], toFloat(key[c]), score);
      for (int c = size % 8; c < size; c += 8) {  // on 16 bytes unless there is a rest
        float values[8];
        if (size % 8 == 0) {
          Eight<T> eight;
          eight.load(key + c);
          eight.unpack(values);
        } else {
#pragma unroll
          for (int e = 0; e < 8; ++e) values[e] = toFloat(key[c + e]);
        }
#pragma unroll
        for (int e = 0; e < 8; ++e) score = fmaf(query[c + e], values[e], score);
      }
    }
    scores[s * length + lag] = score * (lag == 0 ? direct : taps[lag * groupSize]);
  }
  __syncthreads();
  const int helpers = helpersOf(size);
  for (int i = threadIdx.x; i < helpers * outputs; i += stepThreads) {
    const int o = i % outputs, helper = i / outputs, s = o / size, j = o % size, sequence = firstSequence + s;
    float sum = 0;
    if (sequence < step.batch) {
      const Kept kept(h, b, sequence, head.place);
      const float* response = kept.response(h, b, now);
#pragma unroll 4
      for (int k = helper; k < size; k += helpers) sum = fmaf(rows[s * 3 * size + k], response[k * size + j], sum);
      for (int lag = helper; lag < count; lag += helpers) {
        const float value =
            lag == 0 ? rows[(s * 3 + 2) * size + j] : toFloat(kept.key<T>(h, b, now - lag)[size + j]);
        sum = fmaf(scores[s * length + lag], value, sum);
      }
    }
    sums[i] = sum;
  }
  __syncthreads();
  for (int o = threadIdx.x; o < outputs; o += stepThreads) {
    const int s = o / size, j = o % size;
    float sum = 0;
    for (int helper = 0; helper < helpers; ++helper) sum += sums[helper * outputs + o];
    if (firstSequence + s < step.batch)
      static_cast<T*>(step.out)[std::size_t(firstSequence + s) * step.stride + head.head * size + j] = fromFloat<T>(sum);
  }
}

__global__ __launch_bounds__(headThreads) void startKernel(MixerStep step, HeadsView h, HeadBlocksView b) {
  extern __shared__ float memory[];
  letSuccessorStart();
  waitForPredecessor();
  const Head head(h, blockIdx.x);
  respond(h, b, head, blockIdx.y, phaseOf(b, head.place, step.control->position), memory,
          [](const Slot(&)[together], int, int, float(&)[together], float(&)[together], int, int) { return false; });
}

template <class T>
void stepAll(const MixerStep& step, const HeadsView& h, const HeadBlocksView& b, const Launch& where) {
  const std::size_t size = h.headWidth, length = b.length;
  const auto go = [&](auto kernel, int sequences) {
    const std::size_t floats = sequences * (3 * size + length + helpersOf(h.headWidth) * size);
    launch(kernel, dim3(static_cast<unsigned>(h.heads), blocksFor(step.batch, sequences)), stepThreads,
           floats * sizeof(float), where, step, h, b);
  };
  if (step.batch < 4 || h.headWidth > manyRows)
    go(stepKernel<T, 1>, 1);
  else
    go(stepKernel<T, 4>, 4);
  constexpr std::size_t mostBytes = 160 * 1024;  // of a block of threads, compute capability 8.0
  const std::size_t sums = length * headThreads * sizeof(float), inputs = length * 2 * size * sizeof(float);
  const dim3 grid(blocksFor(h.heads, length), static_cast<unsigned>(step.batch));
  if (sums + inputs <= mostBytes)
    launch(turnKernel<T, true>, grid, headThreads, sums + inputs, where, step, h, b);
  else
    launch(turnKernel<T, false>, grid, headThreads, sums, where, step, h, b);
}

}  // namespace

void stepHeadBlocks(const MixerStep& step, const HeadsView& h, const HeadBlocksView& b, Type type,
                    const Launch& where) {
  type == Type::float32 ? stepAll<float>(step, h, b, where) : stepAll<Half>(step, h, b, where);
}

void startHeadBlocks(const MixerStep& step, const HeadsView& h, const HeadBlocksView& b, const Launch& where) {
  launch(startKernel, dim3(static_cast<unsigned>(h.heads), static_cast<unsigned>(step.batch)), headThreads,
         std::size_t(b.length) * headThreads * sizeof(float), where, step, h, b);
}

}  // namespace engine::cuda
