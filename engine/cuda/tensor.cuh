// Tensor-core products of bfloat16 fragments, laid out as mma.m16n8k16 has them.
#pragma once

#include "engine/cuda/device.cuh"

namespace engine::cuda {

// c [16, 8] += a [16, 16] b [16, 8]. A lane has rows l / 4 and l / 4 + 8, columns 2 (l mod 4) and the next of c; the same
// rows, columns 2 (l mod 4) + {0, 1} and 8 more of a; column l / 4, rows 2 (l mod 4) + {0, 1} and 8 more of b.
__device__ inline void multiplyAdd(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ inline unsigned pack(float low, float high) {
  const __nv_bfloat162 two = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const unsigned*>(&two);
}

// Two numbers as sums of `Terms` bfloat16 each: 8 bits more with every term.
template <int Terms>
__device__ inline void split(float low, float high, unsigned (&to)[Terms]) {
#pragma unroll
  for (int i = 0; i < Terms; ++i) {
    to[i] = pack(low, high);
    low -= __uint_as_float(to[i] << 16);
    high -= __uint_as_float(to[i] & 0xffff0000u);
  }
}

}  // namespace engine::cuda
