#include "analysis/checkpoint/sha256.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace analysis {
namespace {

// The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2), computed in
// integers: floor(cbrt(p 2^96)) mod 2^32.
constexpr std::array<std::uint32_t, 64> makeConstants() {
  std::array<std::uint32_t, 64> constants{};
  std::size_t found = 0;
  for (unsigned candidate = 2; found < constants.size(); ++candidate) {
    bool prime = true;
    for (unsigned d = 2; d * d <= candidate; ++d) prime = prime && candidate % d != 0;
    if (!prime) continue;
    // Bisection for the largest r with r^3 <= p 2^96; r < 2^35, so cubes fit in 128 bits.
    std::uint64_t low = 0, high = std::uint64_t(1) << 35;
    while (high - low > 1) {
      const std::uint64_t middle = (low + high) / 2;
      __extension__ using Wide = unsigned __int128;
      const Wide cube = Wide(middle) * middle * middle;  // < 2^105
      (cube <= (Wide(candidate) << 96) ? low : high) = middle;
    }
    constants[found++] = static_cast<std::uint32_t>(low);
  }
  return constants;
}

constexpr std::array<std::uint32_t, 64> roundConstants = makeConstants();

}  // namespace

void Sha256::block(const std::byte* bytes) {
  std::array<std::uint32_t, 64> w;
  for (std::size_t i = 0; i < 16; ++i) {
    w[i] = 0;
    for (std::size_t k = 0; k < 4; ++k) w[i] = w[i] << 8 | std::to_integer<std::uint32_t>(bytes[4 * i + k]);
  }
  for (std::size_t i = 16; i < 64; ++i) {
    const std::uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
    const std::uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  auto [a, b, c, d, e, f, g, h] = state;
  for (std::size_t i = 0; i < 64; ++i) {
    const std::uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    const std::uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + roundConstants[i] + w[i];
    const std::uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
    const std::uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  const std::array<std::uint32_t, 8> sum{a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < 8; ++i) state[i] += sum[i];
}

void Sha256::add(std::span<const std::byte> bytes) {
  length += bytes.size();
  while (!bytes.empty()) {
    if (filled == 0 && bytes.size() >= pending.size()) {
      block(bytes.data());
      bytes = bytes.subspan(pending.size());
      continue;
    }
    const std::size_t count = std::min(bytes.size(), pending.size() - filled);
    std::memcpy(pending.data() + filled, bytes.data(), count);
    bytes = bytes.subspan(count);
    filled = (filled + count) % pending.size();
    if (filled == 0) block(pending.data());
  }
}

std::string Sha256::finish() {
  const std::uint64_t bits = length * 8;
  std::array<std::byte, 72> tail{std::byte{0x80}};
  const std::size_t zeros = (filled < 56 ? 56 : 120) - filled;
  for (std::size_t i = 0; i < 8; ++i) tail[zeros + i] = static_cast<std::byte>(bits >> (56 - 8 * i));
  add(std::span(tail).first(zeros + 8));
  static constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (const std::uint32_t word : state) {
    for (int shift = 28; shift >= 0; shift -= 4) text += digits[word >> shift & 15];
  }
  return text;
}

}  // namespace analysis
