// One sequence alone: a whole step of a distilled Hyena in one kernel that never stops reading weights.
#pragma once

#include "engine/cuda/kernels.h"

namespace engine::cuda {

// A channel of a block as its recurrence needs it, in the order of ModalView; lies on the device.
struct AlonePlace {
  const float* coefficients;  // of its group
  float* state;
  void* history;  // of the block
  std::int32_t column, pairs, reals;
  float direct;
};

// Matrices and vectors are those of the first block; block i has them `weightStride` bytes x i further on.
struct AloneMatrix {
  const void* weight;
  const void* bias;  // as VectorProduct
  int inputs, outputs;
};
struct AloneStep {
  int blocks, width;
  std::size_t weightStride;
  AloneMatrix in, out, mlpIn, mlpOut, head;
  NormView norm, mlpNorm, finalNorm;
  ShortView shortFilter;    // without history
  const AlonePlace* place;  // [blocks, width], on the device
  Embedding embedding;      // of one row
  // What the multiprocessors tell each other: number and epoch, see alone.cu.
  uint2* residual;  // [width]
  uint2* mixed;     // [width]
  uint2* hidden;    // [inner width], half of it used when numbers have two bytes
  unsigned* epoch;  // 0 before the first step
  float* logits;
  Control* control;  // position is advanced
};

// Whether the present device (compute capability 9.0) can: widths of 16 to 2048 that are multiples of 16, at most 16 for each
// multiprocessor, MLP rows up to 32 kB, at most 3 taps.
bool canStepAlone(const AloneStep&, Type);
// embed, all blocks, head and advance().
void stepAlone(const AloneStep&, Type, const Launch&);

}  // namespace engine::cuda
