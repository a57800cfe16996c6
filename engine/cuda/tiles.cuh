// Tiles of matrices in shared memory (compute capability 9.0a): brought by the copy engine, multiplied where they lie.
#pragma once

#include <cuda.h>

#include "engine/cuda/ring.cuh"
#include "engine/cuda/tensor.cuh"

namespace engine::cuda {

constexpr int tileInputs = 64;  // 128 bytes: a line of the swizzled layout
constexpr int tileOutputs = 64;
constexpr int lineBytes = 2 * tileInputs;
constexpr int swizzleBytes = 1024;  // its pattern repeats

#if __CUDA_ARCH__ >= 900

// Inputs [input, input + 64) of the map's number of rows from `row` on.
__device__ inline void loadTile(unsigned to, const CUtensorMap* map, int input, int row, unsigned barrier,
                                std::uint64_t policy) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.L2::cache_hint [%0], [%1, {%3, "
      "%4}], [%2], %5;" ::"r"(to),
      "l"(map), "r"(barrier), "r"(input), "r"(row), "l"(policy)
      : "memory");
}

// A tile at `address` as the tensor cores read it.
__device__ inline std::uint64_t describe(unsigned address) {
  constexpr std::uint64_t swizzled = std::uint64_t{1} << 62, nextEightLines = std::uint64_t{swizzleBytes >> 4} << 32;
  return swizzled | nextEightLines | (std::uint64_t{1} << 16) | (address >> 4 & 0x3fff);
}

#define POLECAT_4(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define POLECAT_16(d, i) POLECAT_4(d, i), POLECAT_4(d, i + 4), POLECAT_4(d, i + 8), POLECAT_4(d, i + 12)
#define POLECAT_MULTIPLY(rows, list, a, b)                                                                        \
  "{ .reg .pred on; setp.eq.u32 on, 0, 0; wgmma.mma_async.sync.aligned.m64n" rows "k16.f32.bf16.bf16 {" list "}, " a \
  ", " b ", on, 1, 1, 0, 0; }"

// sums [64 outputs, rows] += 16 inputs of both, by four warps; a warp has 16 outputs, laid out as in multiplyAdd.
__device__ inline void multiplyTiles(float (&d)[8], std::uint64_t a, std::uint64_t b) {
  asm volatile(POLECAT_MULTIPLY("16", "%0,%1,%2,%3,%4,%5,%6,%7", "%8", "%9")
               : POLECAT_4(d, 0), POLECAT_4(d, 4)
               : "l"(a), "l"(b));
}
__device__ inline void multiplyTiles(float (&d)[16], std::uint64_t a, std::uint64_t b) {
  asm volatile(POLECAT_MULTIPLY("32", "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15", "%16", "%17")
               : POLECAT_16(d, 0)
               : "l"(a), "l"(b));
}
__device__ inline void multiplyTiles(float (&d)[32], std::uint64_t a, std::uint64_t b) {
  asm volatile(POLECAT_MULTIPLY("64",
                                "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,"
                                "%24,%25,%26,%27,%28,%29,%30,%31",
                                "%32", "%33")
               : POLECAT_16(d, 0), POLECAT_16(d, 16)
               : "l"(a), "l"(b));
}
#undef POLECAT_4
#undef POLECAT_16
#undef POLECAT_MULTIPLY

#endif

using EncodeTiles = decltype(&cuTensorMapEncodeTiled);

// The driver's function, null where there is none: the module is not linked with the driver.
inline EncodeTiles tileEncoder() {
  static const EncodeTiles found = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult result{};
    const cudaError_t status =
        cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &result);
    const bool there = status == cudaSuccess && result == cudaDriverEntryPointSuccess;
    return there ? reinterpret_cast<EncodeTiles>(function) : nullptr;
  }();
  return found;
}

// Tiles of `lines` rows of 64 numbers of bfloat16. sizes: inputs, rows and, with 3 of them, matrices; strides in bytes,
// multiples of 16, of all but the inputs. What lies outside is zero.
template <int Sizes>
inline CUtensorMap tilesOf(const void* matrix, const cuuint64_t (&sizes)[Sizes], const cuuint64_t (&strides)[Sizes - 1],
                           int lines) {
  CUtensorMap map;
  cuuint32_t box[Sizes], steps[Sizes];
  for (int i = 0; i < Sizes; ++i) box[i] = steps[i] = 1;
  box[0] = tileInputs, box[1] = static_cast<cuuint32_t>(lines);
  const CUresult result =
      tileEncoder()(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, Sizes, const_cast<void*>(matrix), sizes, strides, box, steps,
                    CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                    CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS)
    throw Error(ErrorKind::device, "CUDA", "describing a matrix failed: " + std::to_string(result),
                "run on the CPU, or start the program again");
  return map;
}

// Tiles of `lines` rows of a matrix [rows, inputs] of bfloat16, inputs a multiple of 8; beyond it they are zero.
inline CUtensorMap tilesOf(const void* matrix, int rows, int inputs, int lines) {
  const cuuint64_t sizes[] = {static_cast<cuuint64_t>(inputs), static_cast<cuuint64_t>(rows)};
  const cuuint64_t strides[] = {2 * static_cast<cuuint64_t>(inputs)};
  return tilesOf(matrix, sizes, strides, lines);
}

}  // namespace engine::cuda
