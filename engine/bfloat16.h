// The upper half of a float: eight bits of exponent, seven of mantissa. Weights only; never a state.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <span>

#include "engine/buffer.h"

namespace engine {

using Bfloat16 = std::uint16_t;

// To nearest, ties to even; NaN stays NaN.
inline Bfloat16 toBfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<Bfloat16>((bits >> 16) | 0x40);
  return static_cast<Bfloat16>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

inline float toFloat(Bfloat16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

}  // namespace engine
