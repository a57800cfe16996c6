// Tokens in the order of top-k and top-p, as integers: a larger logit first, the lower id among equal ones.
#pragma once

#include <cstdint>

#include "engine/cuda/kernels.h"

namespace engine::cuda {

__device__ inline std::uint64_t candidateOf(float logit, int id) {
  const unsigned bits = __float_as_uint(logit == 0 ? 0.0F : logit);  // one zero
  const unsigned ordered = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return std::uint64_t{ordered} << 32 | (0xffffffffu - static_cast<unsigned>(id));
}
__device__ inline float logitOf(std::uint64_t candidate) {
  const unsigned ordered = static_cast<unsigned>(candidate >> 32);
  return __uint_as_float(ordered & 0x80000000u ? ordered & 0x7fffffffu : ~ordered);
}

// Sets drawing.thresholds.
void restrictDrawing(const Drawing&, const Launch&);

}  // namespace engine::cuda
