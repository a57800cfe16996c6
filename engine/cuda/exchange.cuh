// What the blocks of threads of a step in one kernel (alone.cu) tell each other: words of a number, or two, and an epoch.
#pragma once

#include "engine/cuda/device.cuh"
#include "engine/cuda/ring.cuh"

namespace engine::cuda {

constexpr int exchangeThreads = 32 * ringWarps;  // of a block, that take part

#if __CUDA_ARCH__ >= 900

// Of the threads that take part.
__device__ inline void synchronize() {
  asm volatile("bar.sync 1, %0;" ::"n"(exchangeThreads) : "memory");
}

template <class T>
__device__ inline unsigned bitsOf(float x) {
  if (sizeof(T) == 4) return __float_as_uint(x);
  return __bfloat16_as_ushort(__float2bfloat16(x));
}

__device__ inline void say(uint2* at, unsigned bits, unsigned epoch) {
  asm volatile("st.volatile.global.v2.u32 [%0], {%1, %2};" ::"l"(at), "r"(bits), "r"(epoch) : "memory");
}
__device__ inline uint4 listen(const uint2* at) {
  uint4 two;
  asm volatile("ld.volatile.global.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(two.x), "=r"(two.y), "=r"(two.z), "=r"(two.w)
               : "l"(at)
               : "memory");
  return two;
}
// Count pairs of words, `step` words apart, once all have been said; those from `end` on are zero.
template <int Count>
__device__ inline void hear(const uint2* words, int first, int step, int end, unsigned epoch, uint4 (&to)[Count]) {
  bool all = false;
#pragma unroll 1
  while (!all) {
    all = true;
#pragma unroll
    for (int i = 0; i < Count; ++i) to[i] = first + i * step < end ? listen(words + first + i * step) : make_uint4(0, epoch, 0, epoch);
#pragma unroll
    for (int i = 0; i < Count; ++i) all = all && to[i].y == epoch && to[i].w == epoch;
  }
}

// Words that others say, a number or two packed ones in each, into shared memory.
template <class T>
__device__ void hearAll(const uint2* words, int end, bool packed, unsigned epoch, T* to) {
  constexpr int together = 4;
#pragma unroll 1
  for (int first = 2 * threadIdx.x; first < end; first += together * 2 * exchangeThreads) {
    uint4 heard[together];
    hear(words, first, 2 * exchangeThreads, end, epoch, heard);
#pragma unroll
    for (int i = 0; i < together; ++i) {
      const int word = first + i * 2 * exchangeThreads;
      if (word >= end) continue;
      if (sizeof(T) == 4 || packed)
        *reinterpret_cast<uint2*>(to + (packed ? 2 : 1) * word) = make_uint2(heard[i].x, heard[i].z);
      else
        *reinterpret_cast<unsigned*>(to + word) = heard[i].x | heard[i].z << 16;
    }
  }
  synchronize();
}

#endif

}  // namespace engine::cuda
