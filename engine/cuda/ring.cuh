// Weights on their way into shared memory ahead of their use (compute capability 9.0). Each warp of a block owns a ring
// of slots; one more warp fills them all by bulk copies, as far ahead as there are slots, in the next matrix perhaps.
// Memory never waits for a norm or a meeting of the grid.
#pragma once

#include "engine/cuda/alone.h"
#include "engine/cuda/device.cuh"

namespace engine::cuda {

constexpr int ringWarps = 8;
constexpr int ringReaders = 32;  // arrivals that empty a slot: every lane of its warp
constexpr int slotBytes = 4096;
constexpr int slotVectors = slotBytes / 512;  // 16 bytes for each lane, so many times
constexpr int mostParts = ringWarps;

// Rows of a matrix that a block multiplies. A row comes in `parts` pieces (a power of two) of at most slotBytes; piece j
// of the block, row by row, belongs to warp j % ringWarps, so that a warp needs one part of the input alone.
struct RowOp {
  const char* weight;
  const AlonePlace* place;  // null: rows follow each other. Else row 3 c + s is that of stream s, place c
  int rowBytes, partBytes, parts, rows;  // rows of this block
  int first;   // row, or place of a channel, that the block begins with
  __device__ const char* row(int i) const {
    const int at = place ? streamColumn(i % 3, place[i / 3].column) : i;
    return weight + std::size_t(at) * rowBytes;
  }
  __device__ int pieces() const { return rows * parts; }
  __device__ int bytesOf(int part) const { return min(partBytes, rowBytes - part * partBytes); }
};

__host__ __device__ inline int partsOf(int rowBytes) {
  int parts = 1;
  while (parts * slotBytes < rowBytes) parts *= 2;
  return parts;
}
__host__ __device__ inline int partBytesOf(int rowBytes, int parts) {
  return ((rowBytes + parts - 1) / parts + 15) / 16 * 16;
}

// 16 bytes as floats.
template <class T>
struct Vector16 {
  static constexpr int count = 16 / sizeof(T);
  __device__ static void unpack(uint4 raw, float (&to)[count]) {
    const unsigned words[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (sizeof(T) == 4) {
        to[i] = __uint_as_float(words[i]);
      } else {
        to[2 * i % count] = __uint_as_float(words[i] << 16);
        to[(2 * i + 1) % count] = __uint_as_float(words[i] & 0xffff0000u);
      }
    }
  }
};

#if __CUDA_ARCH__ >= 900

__device__ inline unsigned sharedAddress(const void* at) {
  return static_cast<unsigned>(__cvta_generic_to_shared(at));
}

__device__ inline void beginBarrier(unsigned barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
// After the last beginBarrier(); the block synchronizes.
__device__ inline void publishBarriers() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
__device__ inline void arriveAt(unsigned barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
// Arrives, and has the barrier wait for as many bytes of bulk copies.
__device__ inline void expectBytes(unsigned barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}
__device__ inline void awaitPhase(unsigned barrier, unsigned phase) {
  unsigned done = 0;
#pragma unroll 1
  while (!done)
    asm volatile("{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
                 : "=r"(done)
                 : "r"(barrier), "r"(phase)
                 : "memory");
}

__device__ inline void bulkLoad(void* to, const void* from, unsigned bytes, unsigned barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                   sharedAddress(to)),
               "l"(from), "r"(bytes), "r"(barrier)
               : "memory");
}
__device__ inline void bulkStore(void* to, const void* from, unsigned bytes) {
  asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(to), "r"(sharedAddress(from)),
               "r"(bytes)
               : "memory");
  asm volatile("cp.async.bulk.commit_group;" ::: "memory");
}

// Where a ring of a warp stands.
struct RingPlace {
  int slot = 0;
  unsigned phase = 0;
  __device__ void step(int slots) {
    if (++slot == slots) slot = 0, phase ^= 1;
  }
};

// The rings in shared memory: slots [ringWarps][count][slotBytes], barriers [2][ringWarps][count].
struct Rings {
  int count;
  unsigned char* slots;
  std::uint64_t* barriers;
  __device__ unsigned char* slot(int warp, int i) const { return slots + (warp * count + i) * slotBytes; }
  __device__ unsigned filled(int warp, int i) const { return sharedAddress(barriers + warp * count + i); }
  __device__ unsigned emptied(int warp, int i) const {
    return sharedAddress(barriers + (ringWarps + warp) * count + i);
  }
  // By one thread; the block synchronizes. A slot is filled by one copy, and emptied by all lanes of its warp.
  __device__ void begin() const {
#pragma unroll 1
    for (int i = 0; i < 2 * ringWarps * count; ++i)
      beginBarrier(sharedAddress(barriers + i), i < ringWarps * count ? 1 : ringReaders);
    publishBarriers();
  }
};

// Asks for the pieces of all rows, operation after operation: lane w of one warp for warp w.
class RingFiller {
 public:
  __device__ explicit RingFiller(const Rings& rings) : m_rings(rings) {
    asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(m_policy));
  }
  __device__ void run(const RowOp& op) {
    const int warp = threadIdx.x % 32, part = warp % op.parts, shift = 31 - __clz(op.parts);
    const unsigned bytes = op.bytesOf(part);
#pragma unroll 1
    for (int piece = warp; piece < op.pieces(); piece += ringWarps) {
      const char* from = op.row(piece >> shift) + part * op.partBytes;
      awaitPhase(m_rings.emptied(warp, m_place.slot), m_place.phase ^ 1);
      const unsigned barrier = m_rings.filled(warp, m_place.slot);
      expectBytes(barrier, bytes);
      asm volatile(
          "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint [%0], [%1], %2, [%3], "
          "%4;" ::"r"(sharedAddress(m_rings.slot(warp, m_place.slot))),
          "l"(from), "r"(bytes), "r"(barrier), "l"(m_policy)
          : "memory");
      m_place.step(m_rings.count);
    }
  }

 private:
  Rings m_rings;
  RingPlace m_place;
  std::uint64_t m_policy;
};

// Multiplies what the filler brings.
template <class T>
class RingReader {
 public:
  __device__ explicit RingReader(const Rings& rings)
      : m_rings(rings), m_lane(threadIdx.x % 32), m_warp(threadIdx.x / 32) {}

  // The part of the input x (shared memory) that this warp multiplies in `op`.
  __device__ void take(const RowOp& op, const void* x) {
    const int part = m_warp % op.parts, bytes = op.bytesOf(part);
    const unsigned char* from = static_cast<const unsigned char*>(x) + part * op.partBytes;
#pragma unroll
    for (int v = 0; v < slotVectors; ++v) {
      const int at = v * 512 + m_lane * 16;
      Vector16<T>::unpack(at < bytes ? *reinterpret_cast<const uint4*>(from + at) : make_uint4(0, 0, 0, 0), m_x[v]);
    }
  }
  // sums[piece] for this warp's pieces of the block's rows.
  __device__ void run(const RowOp& op, float* sums) {
    const int bytes = op.bytesOf(m_warp % op.parts), pieces = op.pieces();
    int piece = m_warp;
#pragma unroll 1
    for (; piece + ringWarps < pieces; piece += 2 * ringWarps) multiply<2>(piece, bytes, sums);
    if (piece < pieces) multiply<1>(piece, bytes, sums);
  }

 private:
  // Pieces together: as many shuffles on their way.
  template <int Pieces>
  __device__ void multiply(int piece, int bytes, float* sums) {
    uint4 raw[Pieces][slotVectors];
#pragma unroll
    for (int p = 0; p < Pieces; ++p) {
      awaitPhase(m_rings.filled(m_warp, m_place.slot), m_place.phase);
      const unsigned char* at = m_rings.slot(m_warp, m_place.slot) + m_lane * 16;
#pragma unroll
      for (int v = 0; v < slotVectors; ++v)
        raw[p][v] =
            v * 512 + m_lane * 16 < bytes ? *reinterpret_cast<const uint4*>(at + v * 512) : make_uint4(0, 0, 0, 0);
      // Each lane speaks for its own reads.
      arriveAt(m_rings.emptied(m_warp, m_place.slot));
      m_place.step(m_rings.count);
    }
    float result[Pieces];
#pragma unroll
    for (int p = 0; p < Pieces; ++p) {
      float partial[4] = {};
#pragma unroll
      for (int v = 0; v < slotVectors; ++v) {
        float w[Vector16<T>::count];
        Vector16<T>::unpack(raw[p][v], w);
#pragma unroll
        for (int e = 0; e < Vector16<T>::count; ++e) partial[e % 4] = fmaf(w[e], m_x[v][e], partial[e % 4]);
      }
      result[p] = (partial[0] + partial[1]) + (partial[2] + partial[3]);
    }
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2)
#pragma unroll
      for (int p = 0; p < Pieces; ++p) result[p] += __shfl_xor_sync(0xffffffffu, result[p], offset);
    if (m_lane == 0)
#pragma unroll
      for (int p = 0; p < Pieces; ++p) sums[piece + p * ringWarps] = result[p];
  }

  Rings m_rings;
  int m_lane, m_warp;
  RingPlace m_place;
  float m_x[slotVectors][Vector16<T>::count];
};

#endif

}  // namespace engine::cuda
