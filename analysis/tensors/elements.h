// Numbers as files store them, widened to the numbers we compute with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "analysis/tensors/tensorfile.h"

namespace analysis {

// Product of the sizes; empty when one is negative or the product exceeds 2^62.
std::optional<std::uint64_t> elementCount(const std::vector<std::int64_t>& shape);

// out[i] = the i-th element of `bytes` (out.size() * byteSize(type) of them, little-endian unless bigEndian).
// Integers become the nearest number, booleans 0 or 1. False when a complex element has an imaginary part: it has no
// real value (never when complex numbers are asked for). `type` must not be unsupported. O(n).
template <typename Real>
bool widen(std::span<const std::byte> bytes, DataType type, bool bigEndian, std::span<Real> out);

extern template bool widen<double>(std::span<const std::byte>, DataType, bool, std::span<double>);
extern template bool widen<float>(std::span<const std::byte>, DataType, bool, std::span<float>);
extern template bool widen<std::complex<double>>(std::span<const std::byte>, DataType, bool,
                                                 std::span<std::complex<double>>);

}  // namespace analysis
