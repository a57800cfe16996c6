// Parts that the kernels of MultiHyena's heads share. A block of threads has one head; the entries (i, j) of its matrix
// are spread over neighbouring threads, and where a matrix is smaller than a block, its modes over groups of threads.
// Which thread adds what depends on the head width alone.
#pragma once

#include "engine/cuda/heads.h"
#include "engine/cuda/section.cuh"

namespace engine::cuda {

constexpr int headThreads = 256;
constexpr int headHelpers = 8;  // neighbouring threads that add up one output
constexpr int manyRows = 512;   // channels; of wider heads a block of threads, whose rows are shared, has one sequence

struct EntryShare {
  int chunk;  // entries at once, a multiple of 32
  int parts;  // threads that share the modes of an entry
};
__host__ __device__ inline EntryShare entryShare(int headWidth) {
  const int all = (headWidth * headWidth + 31) / 32 * 32, chunk = all < headThreads ? all : headThreads;
  return {chunk, headThreads / chunk};
}

// What a block of threads is about.
struct Head {
  int place, lane, head;
  GroupView group;
  std::size_t entries;  // of a matrix, padding included
  __device__ Head(const HeadsView& h, int at)
      : place(at),
        lane(at % groupSize),
        head(h.modes.order[at]),
        group(h.modes.group[at / groupSize]),
        entries((std::size_t(h.headWidth) * h.headWidth + 1) / 2 * 2) {}
  __device__ int slots() const { return group.pairs + group.reals; }
  // Of one entry in one slot of a sequence's state.
  __device__ float* state(const ModalView& m, int sequence, int slot, int entry) const {
    const std::size_t before = group.state + std::size_t(lane) * (2 * group.pairs + group.reals);
    float* from = m.state + std::size_t(sequence) * m.stateFloats + before * entries;
    return slot < group.pairs ? from + (slot * entries + entry) * 2
                              : from + (group.pairs + std::size_t(slot)) * entries + entry;
  }
};

// Filtered q, k, v of one channel; keeps the newest inputs.
template <class T>
__device__ inline void headInputs(const MixerStep& step, int sequence, int position, int column, float (&y)[3]) {
  filterStep<T>(step, sequence, position, column, y);
  y[1] = rounded<T>(y[1]);
  y[2] = rounded<T>(y[2]);
}

// rows [count][4][head width]: adds to the fourth, y_j, the sum over parts and i of products [count][headThreads], the
// terms of entries base to base + chunk. All threads of the block take part, between two barriers of the caller.
__device__ inline void addProducts(const float* products, const EntryShare& share, int base, int size, int count,
                                   float* rows) {
  const int helper = threadIdx.x % headHelpers, last = min(base + share.chunk, size * size);
  const bool whole = size * size <= share.chunk;
  for (int o0 = 0; o0 < count * size; o0 += headThreads / headHelpers) {
    const int o = o0 + static_cast<int>(threadIdx.x) / headHelpers, row = o / size, j = o - row * size;
    const bool active = row < count;
    float sum = 0;
    if (active) {
      const int first = whole ? 0 : (base - j + size - 1) / size, end = whole ? size : (last - j + size - 1) / size;
      const float* from = products + row * headThreads + j - base;
      for (int part = 0; part < share.parts; ++part, from += share.chunk)
        for (int i = first + helper; i < end; i += headHelpers) sum += from[i * size];
    }
#pragma unroll
    for (int offset = headHelpers / 2; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, offset);
    if (active && helper == 0) rows[(row * 4 + 3) * size + j] += sum;
  }
}

}  // namespace engine::cuda
