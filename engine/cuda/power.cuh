// Powers of poles. Folding a block's inputs into the state of a mode (equation (4) of the engine page): the recurrence
// from zero, then the old state times lambda^length.
#pragma once

#include "engine/cuda/mixer.cuh"

namespace engine::cuda {

// One input; the old state is not in the sum, so its pole is exact enough in one float.
__device__ inline void foldInput(const Slot& c, float& a, float& b, float u) {
  const float next = fmaf(c.re, a, fmaf(-c.im, b, u));
  b = fmaf(c.re, b, c.im * a);
  a = next;
}

// lambda^length of a slot, hi and lo.
struct Power {
  float re, im, restRe, restIm;
  // Adds it times the old state (oldA, oldB).
  __device__ void addTo(float& a, float& b, float oldA, float oldB) const {
    a = fmaf(re, oldA, fmaf(-im, oldB, fmaf(restRe, oldA, fmaf(-restIm, oldB, a))));
    b = fmaf(re, oldB, fmaf(im, oldA, fmaf(restRe, oldB, fmaf(restIm, oldA, b))));
  }
};

// powers: as BlockTable, which has 2 numbers where a group has 3 coefficients.
__device__ inline Power loadPower(const float* powers, const GroupView& g, int slot, int channel) {
  const float* from = powers + std::size_t(g.coefficients) / 3 * 2 + channel;
  if (slot < g.pairs) {
    from += std::size_t(slot) * 4 * groupSize;
    return {from[0], from[groupSize], from[2 * groupSize], from[3 * groupSize]};
  }
  from += std::size_t(g.pairs) * 4 * groupSize + std::size_t(slot - g.pairs) * 2 * groupSize;
  return {from[0], 0, from[groupSize], 0};
}

// Poles in float64 on their way to a table.
struct Complex {
  double re, im;
};
__device__ inline Complex operator*(Complex a, Complex b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
__device__ inline float2 rounded2(Complex z) {
  return make_float2(static_cast<float>(z.re), static_cast<float>(z.im));
}

}  // namespace engine::cuda
