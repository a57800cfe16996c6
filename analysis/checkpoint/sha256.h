// SHA-256 (FIPS 180-4), fed piece by piece.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace analysis {

class Sha256 {
 public:
  // O(bytes).
  void add(std::span<const std::byte>);
  // Digest as 64 lower-case hexadecimal digits. Ends the computation.
  std::string finish();

 private:
  void block(const std::byte*);

  std::array<std::uint32_t, 8> state{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> pending{};
  std::size_t filled = 0;
  std::uint64_t length = 0;
};

}  // namespace analysis
