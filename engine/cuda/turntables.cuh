// What the products of a block's end need of a channel's modes (turntiles.cu): a table in shared memory, and from it
// the constant sides as a warp's lanes hold them.
#pragma once

#include "engine/cuda/power.cuh"
#include "engine/cuda/tensor.cuh"

namespace engine::cuda {
namespace {

constexpr int chunk = 8;  // modes of a product

__device__ inline float4 exact(Complex z) {
  const float2 high = rounded2(z), low = rounded2({z.re - high.x, z.im - high.y});
  return make_float4(high.x, high.y, low.x, low.y);
}

// Of 8 modes of a channel; zeros where there are fewer.
struct Table {
  float4 power[chunk];  // what the old state is multiplied by, hi and lo
  float2 pole[chunk];
  float2 eight[chunk];        // lambda^8
  float2 begin[4][chunk];     // lambda^e of the last token of every quarter of the tokens
  float2 response[8][chunk];  // R lambda^j
  float4 gap;                 // against bank conflicts
};

// Constant sides of a warp's products.
template <int Depth>
struct Sides {
  unsigned gather[2][Depth][3][2];      // tokens to real and to imaginary parts
  unsigned responses[2 * Depth][2][2];  // states to phases
};

// Two numbers as sums of three bfloat16, exactly: a float has three times their bits.
__device__ inline void cut(float low, float high, unsigned (&to)[3]) {
#pragma unroll
  for (int i = 0; i < 3; ++i) {
    const unsigned a = __float_as_uint(low), b = __float_as_uint(high);
    to[i] = __byte_perm(a, b, 0x7632);
    low -= __uint_as_float(a & 0xffff0000u);
    high -= __uint_as_float(b & 0xffff0000u);
  }
}
__device__ inline float2 product(float2 a, float2 b) {
  return make_float2(fmaf(a.x, b.x, -a.y * b.y), fmaf(a.x, b.y, a.y * b.x));
}

template <int Depth>
__device__ inline void makeGather(const Table& table, Sides<Depth>& sides) {
  const int lane = threadIdx.x % 32, quarter = lane % 4, mode = lane / 4;
  constexpr int run = 4 * Depth;  // tokens of a lane
  const float2 pole = table.pole[mode];
  float2 power[run];
  power[run - 1] = table.begin[quarter][mode];
#pragma unroll
  for (int i = run - 2; i >= 0; --i) power[i] = product(pole, power[i + 1]);
#pragma unroll
  for (int s = 0; s < Depth; ++s)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int i = 4 * s + 2 * half;
      unsigned terms[3];
      cut(power[i].x, power[i + 1].x, terms);
#pragma unroll
      for (int k = 0; k < 3; ++k) sides.gather[0][s][k][half] = terms[k];
      cut(power[i].y, power[i + 1].y, terms);
#pragma unroll
      for (int k = 0; k < 3; ++k) sides.gather[1][s][k][half] = terms[k];
    }
}

template <int Depth>
__device__ inline void makeResponses(const Table& table, Sides<Depth>& sides) {
  const int lane = threadIdx.x % 32, quarter = lane % 4, phase = lane / 4;
  float4 z = *reinterpret_cast<const float4*>(&table.response[phase][2 * quarter]);
  const float4 eight = *reinterpret_cast<const float4*>(&table.eight[2 * quarter]);
#pragma unroll
  for (int n = 0; n < 2 * Depth; ++n) {
    unsigned terms[2];
    split<2>(z.x, z.z, terms);
    sides.responses[n][0][0] = terms[0], sides.responses[n][1][0] = terms[1];
    split<2>(-z.y, -z.w, terms);
    sides.responses[n][0][1] = terms[0], sides.responses[n][1][1] = terms[1];
    const float2 a = product(make_float2(z.x, z.y), make_float2(eight.x, eight.y));
    const float2 b = product(make_float2(z.z, z.w), make_float2(eight.z, eight.w));
    z = make_float4(a.x, a.y, b.x, b.y);
  }
}

// One mode of one channel, in float64 from the pole's two floats; `tokens` of the block have inputs.
template <int Depth>
__device__ inline void prepare(const Slot& c, bool used, int tokens, Table& table, int mode) {
  const Complex pole{double(c.re) + c.restRe, double(c.im) + c.restIm}, zero{0, 0};
  Complex run = pole * pole;
  run = run * run;
  const Complex eight = run * run;
  if (Depth == 2) run = eight;
  Complex begin{used ? 1.0 : 0.0, 0};
#pragma unroll
  for (int quarter = 3; quarter >= 0; --quarter, begin = begin * run) table.begin[quarter][mode] = rounded2(begin);
  float2 response = make_float2(c.residueRe, c.residueIm);
#pragma unroll
  for (int j = 0; j < 8; ++j, response = product(response, make_float2(c.re, c.im))) table.response[j][mode] = response;
  Complex power{1, 0}, square = pole;
  for (int n = tokens; n > 0; n /= 2, square = square * square)
    if (n % 2 == 1) power = power * square;
  table.pole[mode] = make_float2(c.re, c.im);
  table.power[mode] = exact(used ? power : zero);
  table.eight[mode] = rounded2(eight);
}

}  // namespace
}  // namespace engine::cuda
