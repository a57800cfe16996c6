// How the blocks of threads of a step in one kernel (alone.cu) divide its matrices among themselves.
#pragma once

#include "engine/cuda/alone.h"
#include "engine/cuda/ring.cuh"

namespace engine::cuda {

// How a matrix is divided among the blocks: `each` units, one more for the first `more` of them. A unit is a row, a
// channel's three rows in the input projection, a pair of rows in the MLP's.
struct Share {
  int unit, each, more, parts, partBytes;
};
// Shares, and offsets in shared memory.
struct Areas {
  Share share[5];
  int slots;
  std::size_t barriers, input, sums, bytes;
};
#if __CUDA_ARCH__ >= 900

template <class P>
__device__ inline P* shifted(P* pointer, std::size_t bytes) {
  return pointer ? reinterpret_cast<P*>(reinterpret_cast<std::uintptr_t>(pointer) + bytes) : nullptr;
}

enum Stage { in, out, mlpIn, mlpOut };

// Walks through the operations of a step, the rows of this block of threads in each. Rows that do not divide evenly go
// to other blocks in every operation.
template <class T>
class Walk {
 public:
  __device__ Walk(const AloneStep& s, const Areas& areas, int index)
      : m_step(s), m_areas(areas), m_index(index), m_own((blockIdx.x + rotation * index) % gridDim.x) {}
  __device__ int index() const { return m_index; }
  __device__ int layer() const { return m_index / 4; }
  __device__ int stage() const { return m_index % 4; }
  __device__ bool head() const { return m_index == 4 * m_step.blocks; }
  __device__ bool done() const { return m_index > 4 * m_step.blocks; }
  __device__ bool mixes() const { return stage() == in && !head(); }
  __device__ bool afterNorm() const { return stage() == in || stage() == mlpIn; }
  __device__ void next() {
    ++m_index;
    m_own += rotation % gridDim.x;
    if (m_own >= gridDim.x) m_own -= gridDim.x;
  }
  __device__ std::size_t shift() const { return head() ? 0 : layer() * m_step.weightStride; }
  __device__ const AloneMatrix& matrix() const {
    if (head()) return m_step.head;
    return stage() == in ? m_step.in : stage() == out ? m_step.out : stage() == mlpIn ? m_step.mlpIn : m_step.mlpOut;
  }
  __device__ const void* bias() const { return shifted(matrix().bias, shift()); }
  __device__ NormView norm() const {
    NormView norm = head() ? m_step.finalNorm : stage() == in ? m_step.norm : m_step.mlpNorm;
    norm.scale = shifted(norm.scale, shift());
    norm.shift = shifted(norm.shift, shift());
    return norm;
  }
  __device__ RowOp op() const {
    const AloneMatrix& m = matrix();
    const Share& share = m_areas.share[head() ? 4 : stage()];
    const int own = static_cast<int>(m_own);
    RowOp op;
    op.first = own * share.each + min(own, share.more);
    op.rows = (share.each + (own < share.more ? 1 : 0)) * share.unit;
    op.rowBytes = m.inputs * sizeof(T);
    op.parts = share.parts;
    op.partBytes = share.partBytes;
    op.weight = static_cast<const char*>(m.weight) + shift();
    op.place = mixes() ? m_step.place + std::size_t(layer()) * m_step.width + op.first : nullptr;
    if (!mixes()) {
      op.first *= share.unit;
      op.weight += std::size_t(op.first) * op.rowBytes;
    }
    return op;
  }

 private:
  static constexpr unsigned rotation = 37;
  const AloneStep& m_step;
  const Areas& m_areas;
  int m_index;
  unsigned m_own;
};

#endif

}  // namespace engine::cuda
