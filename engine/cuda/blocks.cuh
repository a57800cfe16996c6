// What the kernels of a blocked recurrence share (engine/cpu/blocked.h): where a group stands in its block.
#pragma once

#include "engine/cuda/power.cuh"

namespace engine::cuda {

// Everything for the groups whose block ends with this token, after the step: folds their inputs into the states and
// makes the responses of the next block.
void turnBlocks(const MixerStep&, const ModalView&, const BlockView&, Type, const Launch&);
// The same on tensor cores, with other bits. False: not launched, since it cannot or would not gain.
bool turnTiles(const MixerStep&, const ModalView&, const BlockView&, Type, const Launch&);

// Blocks whose end has a kernel of its own on lanes.
inline constexpr int usualLength = 16, usualSlots = 4 * slotLanes;
inline bool usualTurns(const ModalView& m, const BlockView& b) {
  return b.length == usualLength && m.mostSlots <= usualSlots;
}

__device__ inline int phaseOf(const BlockView& b, int group, int position) {
  return (position + group + b.stagger) % b.length;
}

// The first phase of the running block with an input: > 0 in the first block after a prompt.
__device__ inline int startOf(const Control& control, int now) {
  return max(0, now - (control.position - control.firstStep));
}

// Where a sequence's phase of a group lies in `responses` and `inputs`: side by side what a token reads of all
// sequences.
__device__ inline std::size_t blockRow(const BlockView& b, int batch, int group, int phase, int sequence) {
  return ((std::size_t(group) * b.length + phase) * batch + sequence) * groupSize;
}

// The `index`-th group whose block ends at this position; >= m.groups: there are fewer.
__device__ inline int turningGroup(const BlockView& b, int index, int position) {
  return index * b.length + (b.length - 1 - phaseOf(b, 0, position));
}

}  // namespace engine::cuda
