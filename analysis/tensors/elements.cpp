#include "analysis/tensors/elements.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <type_traits>

namespace analysis {
namespace {

// IEEE 754 binary16 to binary32: subnormals are value * 2^-24, exponent 31 is infinity or NaN.
float halfToFloat(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 31u;
  const std::uint32_t mantissa = bits & 1023u;
  if (exponent == 0) {
    const float magnitude = std::ldexp(static_cast<float>(mantissa), -24);
    return sign ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 31 ? 255u : exponent + 112u;
  return std::bit_cast<float>(sign | (wide << 23) | (mantissa << 13));
}

// The 8-bit floats: sign, exponent, mantissa; value = 2^(e - bias) (1 + m / 2^bits), subnormal where e = 0.
float eightBits(std::uint8_t code, int mantissaBits, int bias) {
  const int exponent = (code & 0x7f) >> mantissaBits, mantissa = code & ((1 << mantissaBits) - 1);
  const float whole = std::ldexp(static_cast<float>(mantissa), -mantissaBits) + (exponent == 0 ? 0.f : 1.f);
  const float magnitude = std::ldexp(whole, (exponent == 0 ? 1 : exponent) - bias);
  return code & 0x80 ? -magnitude : magnitude;
}

float float8(std::uint8_t code, DataType type) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  switch (type) {
    case DataType::f8e4m3:  // no infinities
      return (code & 0x7f) == 0x7f ? nan : eightBits(code, 3, 7);
    case DataType::f8e5m2:
      if ((code & 0x7f) > 0x7c) return nan;
      if ((code & 0x7f) == 0x7c) return code & 0x80 ? -infinity : infinity;
      return eightBits(code, 2, 15);
    case DataType::f8e4m3fnuz:  // neither infinities nor a negative zero, whose place is NaN's
      return code == 0x80 ? nan : eightBits(code, 3, 8);
    case DataType::f8e5m2fnuz:
      return code == 0x80 ? nan : eightBits(code, 2, 16);
    default:  // f8e8m0: powers of two
      return code == 0xff ? nan : std::ldexp(1.f, static_cast<int>(code) - 127);
  }
}

template <typename Stored>
Stored load(const std::byte* from, bool bigEndian) {
  static_assert(std::endian::native == std::endian::little);
  std::array<std::byte, sizeof(Stored)> bytes;
  std::memcpy(bytes.data(), from, sizeof(Stored));
  if (bigEndian) std::reverse(bytes.begin(), bytes.end());
  return std::bit_cast<Stored>(bytes);
}

template <typename Stored, typename Number, typename Convert>
void each(std::span<const std::byte> bytes, bool bigEndian, std::span<Number> out, Convert convert) {
  using Real = std::conditional_t<std::is_same_v<Number, float>, float, double>;
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<Real>(convert(load<Stored>(bytes.data() + i * sizeof(Stored), bigEndian)));
  }
}

template <typename Part, typename Number>
bool complexes(std::span<const std::byte> bytes, bool bigEndian, std::span<Number> out) {
  bool real = true;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::byte* at = bytes.data() + 2 * i * sizeof(Part);
    const Part re = load<Part>(at, bigEndian), im = load<Part>(at + sizeof(Part), bigEndian);
    if constexpr (std::is_same_v<Number, std::complex<double>>) {
      out[i] = {re, im};
    } else {
      out[i] = static_cast<Number>(re);
      real = real && im == Part(0);
    }
  }
  return real;
}

}  // namespace

std::size_t byteSize(DataType type) {
  switch (type) {
    case DataType::i8:
    case DataType::u8:
    case DataType::boolean:
    case DataType::f8e4m3:
    case DataType::f8e5m2:
    case DataType::f8e4m3fnuz:
    case DataType::f8e5m2fnuz:
    case DataType::f8e8m0:
      return 1;
    case DataType::f16:
    case DataType::bf16:
    case DataType::i16:
    case DataType::u16:
      return 2;
    case DataType::f32:
    case DataType::i32:
    case DataType::u32:
      return 4;
    case DataType::f64:
    case DataType::i64:
    case DataType::u64:
    case DataType::c64:
      return 8;
    case DataType::c128:
      return 16;
    case DataType::unsupported:
      break;
  }
  return 0;
}

std::string_view name(DataType type) {
  switch (type) {
    case DataType::f64:
      return "float64";
    case DataType::f32:
      return "float32";
    case DataType::f16:
      return "float16";
    case DataType::bf16:
      return "bfloat16";
    case DataType::f8e4m3:
      return "float8_e4m3";
    case DataType::f8e5m2:
      return "float8_e5m2";
    case DataType::f8e4m3fnuz:
      return "float8_e4m3fnuz";
    case DataType::f8e5m2fnuz:
      return "float8_e5m2fnuz";
    case DataType::f8e8m0:
      return "float8_e8m0";
    case DataType::u64:
      return "uint64";
    case DataType::u32:
      return "uint32";
    case DataType::u16:
      return "uint16";
    case DataType::i64:
      return "int64";
    case DataType::i32:
      return "int32";
    case DataType::i16:
      return "int16";
    case DataType::i8:
      return "int8";
    case DataType::u8:
      return "uint8";
    case DataType::boolean:
      return "bool";
    case DataType::c64:
      return "complex64";
    case DataType::c128:
      return "complex128";
    case DataType::unsupported:
      break;
  }
  return "unsupported";
}

std::optional<std::uint64_t> elementCount(const std::vector<std::int64_t>& shape) {
  constexpr std::uint64_t limit = std::uint64_t(1) << 62;
  if (std::any_of(shape.begin(), shape.end(), [](std::int64_t n) { return n < 0; })) return std::nullopt;
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  std::uint64_t count = 1;
  for (const std::int64_t n : shape) {
    if (count > limit / static_cast<std::uint64_t>(n)) return std::nullopt;
    count *= static_cast<std::uint64_t>(n);
  }
  return count;
}

template <typename Real>
bool widen(std::span<const std::byte> bytes, DataType type, bool bigEndian, std::span<Real> out) {
  const auto same = [](auto value) { return value; };
  switch (type) {
    case DataType::f64:
      each<double>(bytes, bigEndian, out, same);
      break;
    case DataType::f32:
      each<float>(bytes, bigEndian, out, same);
      break;
    case DataType::f16:
      each<std::uint16_t>(bytes, bigEndian, out, halfToFloat);
      break;
    case DataType::bf16:
      each<std::uint16_t>(bytes, bigEndian, out, [](std::uint16_t bits) {
        return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
      });
      break;
    case DataType::f8e4m3:
    case DataType::f8e5m2:
    case DataType::f8e4m3fnuz:
    case DataType::f8e5m2fnuz:
    case DataType::f8e8m0:
      each<std::uint8_t>(bytes, bigEndian, out, [type](std::uint8_t code) { return float8(code, type); });
      break;
    case DataType::u64:
      each<std::uint64_t>(bytes, bigEndian, out, same);
      break;
    case DataType::u32:
      each<std::uint32_t>(bytes, bigEndian, out, same);
      break;
    case DataType::u16:
      each<std::uint16_t>(bytes, bigEndian, out, same);
      break;
    case DataType::i64:
      each<std::int64_t>(bytes, bigEndian, out, same);
      break;
    case DataType::i32:
      each<std::int32_t>(bytes, bigEndian, out, same);
      break;
    case DataType::i16:
      each<std::int16_t>(bytes, bigEndian, out, same);
      break;
    case DataType::i8:
      each<std::int8_t>(bytes, bigEndian, out, same);
      break;
    case DataType::u8:
      each<std::uint8_t>(bytes, bigEndian, out, same);
      break;
    case DataType::boolean:
      each<std::uint8_t>(bytes, bigEndian, out, [](auto value) { return value != 0; });
      break;
    case DataType::c64:
      return complexes<float>(bytes, bigEndian, out);
    case DataType::c128:
      return complexes<double>(bytes, bigEndian, out);
    case DataType::unsupported:
      return false;
  }
  return true;
}

template bool widen<double>(std::span<const std::byte>, DataType, bool, std::span<double>);
template bool widen<float>(std::span<const std::byte>, DataType, bool, std::span<float>);
template bool widen<std::complex<double>>(std::span<const std::byte>, DataType, bool, std::span<std::complex<double>>);

}  // namespace analysis
