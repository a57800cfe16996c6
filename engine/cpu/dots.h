// Dot products of every row of one matrix with every row of another. Each has one fixed order of additions, whatever
// rows it comes with.
#pragma once

#include <cstddef>

namespace engine::cpu {

// y[r * yStride + f] = x_r . w_f for r in [0, rows), f in [0, features): w [features, inputs] row after row, rows of x
// `xStride` floats apart. O(rows * features * inputs).
void dots(const float* w, int features, int inputs, const float* x, std::size_t xStride, int rows, float* y,
          std::size_t yStride);

}  // namespace engine::cpu
