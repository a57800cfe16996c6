// Arrays in NumPy's format 1.0, as numpy.save writes them.
#pragma once

#include <cstdint>
#include <ostream>
#include <vector>

#include "analysis/tensors/tensorfile.h"

namespace analysis {

// What comes before the values of a row-major, little-endian array: magic, version and the description, padded to a
// multiple of 64 bytes. The values, product(shape) of them, are to follow. `type`: f32 or f64.
void writeNpyHeader(std::ostream&, DataType type, const std::vector<std::int64_t>& shape);

}  // namespace analysis
