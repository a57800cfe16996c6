// Products of a few dozen rows of bfloat16 by our own kernel (compute capability 9.0).
#pragma once

#include "engine/cuda/kernels.h"

namespace engine::cuda {

inline constexpr int mostStreamedRows = 64;
inline constexpr int carriedPart = 64;  // channels of a part of the sums that a product makes

// Whether the present device can.
bool canMultiplyRows();
// p.norm must be unset, p.rows at most mostStreamedRows; p.carried may be set, with parts of carriedPart channels for
// Finish::add. A row's outputs have the same bits whatever the number of rows.
void multiplyRows(const VectorProduct& p, const Launch&);

}  // namespace engine::cuda
