// Products of a group of four warps (compute capability 9.0a) with 64 rows each time: scores of queries and keys, and
// values weighted by them. Tiles lie in shared memory as the copy engine brings them, see tiles.cuh.
#pragma once

#include "engine/cuda/tiles.cuh"

namespace engine::cuda {

#if __CUDA_ARCH__ >= 900

// A tile of `lines` rows as the right side of a product over its rows; the 64 columns to its right lie behind it.
__device__ inline std::uint64_t describeAcross(unsigned address, int lines) {
  return (describe(address) & ~(std::uint64_t{0x3fff} << 16)) | std::uint64_t(lines * lineBytes >> 4) << 16;
}

__device__ inline void beginProducts() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ inline void commitProducts() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
// All but the newest `pending` groups are done.
template <int Pending>
__device__ inline void awaitProducts() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
}
// The compiler shall not use these before here.
template <class T, int Count>
__device__ inline void pin(T (&values)[Count]) {
#pragma unroll
  for (int i = 0; i < Count; ++i) {
    if constexpr (std::is_same_v<T, float>)
      asm volatile("" : "+f"(values[i])::"memory");
    else
      asm volatile("" : "+r"(values[i])::"memory");
  }
}

#define POLECAT_4(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define POLECAT_16(d, i) POLECAT_4(d, i), POLECAT_4(d, i + 4), POLECAT_4(d, i + 8), POLECAT_4(d, i + 12)
#define POLECAT_FIRST_32                                                                                          \
  "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29," \
  "%30,%31"
#define POLECAT_NEXT_32                                                                                             \
  "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59," \
  "%60,%61,%62,%63"

// d [64, 128] = (adding ? d : 0) + a [64, 16] b [128, 16]^T, both tiles; a thread has of d what multiplyAdd() says, block
// of 8 columns after block, its warp 16 rows.
__device__ inline void scoreTiles(float (&d)[64], std::uint64_t a, std::uint64_t b, bool adding) {
  asm volatile(
      "{ .reg .pred on; setp.ne.b32 on, %66, 0;"
      " wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" POLECAT_FIRST_32 "," POLECAT_NEXT_32
      "}, %64, %65, on, 1, 1, 0, 0; }"
      : POLECAT_16(d, 0), POLECAT_16(d, 16), POLECAT_16(d, 32), POLECAT_16(d, 48)
      : "l"(a), "l"(b), "r"(static_cast<int>(adding)));
}

// d [64, columns] += a [64, 16] b [16, columns], of which a is in registers and b 16 rows of a tile, see describeAcross().
__device__ inline void weightTiles(float (&d)[32], unsigned a0, unsigned a1, unsigned a2, unsigned a3, std::uint64_t b) {
  asm volatile(
      "{ .reg .pred on; setp.eq.u32 on, 0, 0;"
      " wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" POLECAT_FIRST_32
      "}, {%32,%33,%34,%35}, %36, on, 1, 1, 1; }"
      : POLECAT_16(d, 0), POLECAT_16(d, 16)
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "l"(b));
}
__device__ inline void weightTiles(float (&d)[64], unsigned a0, unsigned a1, unsigned a2, unsigned a3, std::uint64_t b) {
  asm volatile(
      "{ .reg .pred on; setp.eq.u32 on, 0, 0;"
      " wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" POLECAT_FIRST_32 "," POLECAT_NEXT_32
      "}, {%64,%65,%66,%67}, %68, on, 1, 1, 1; }"
      : POLECAT_16(d, 0), POLECAT_16(d, 16), POLECAT_16(d, 32), POLECAT_16(d, 48)
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "l"(b));
}
#undef POLECAT_4
#undef POLECAT_16
#undef POLECAT_FIRST_32
#undef POLECAT_NEXT_32

// Inputs [input, input + 64) of the box's number of rows from `row` on, of matrix `matrix`.
__device__ inline void loadTile(unsigned to, const CUtensorMap* map, int input, int row, int matrix, unsigned barrier) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], [%2];"
      ::"r"(to),
      "l"(map), "r"(barrier), "r"(input), "r"(row), "r"(matrix)
      : "memory");
}

#endif

}  // namespace engine::cuda
