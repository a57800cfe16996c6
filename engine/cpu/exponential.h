// exp for loops: no branches, so that they become vector code; std::exp does not.
#pragma once

#include <bit>
#include <cstdint>

namespace engine::cpu {

// By 2^n exp(r), |r| <= ln(2)/2. Relative error 1e-7. Arguments are clamped to what float can hold.
inline float exponential(float x) {
  x = x < -87.0F ? -87.0F : x;
  x = x > 88.0F ? 88.0F : x;
  constexpr float rounding = 12582912.0F;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  const float shifted = x * 1.44269504F + rounding;
  const float n = shifted - rounding;
  const float r = (x - n * 0.693359375F) + n * 2.12194440e-4F;  // ln 2 in two parts
  float p = 1.9875691500e-4F;                                   // minimax polynomial of Cephes expf (S. Moshier)
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  const auto power = (std::bit_cast<std::int32_t>(shifted) - std::bit_cast<std::int32_t>(rounding) + 127) << 23;
  return p * std::bit_cast<float>(power);
}

}  // namespace engine::cpu
