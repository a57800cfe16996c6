// A conjugate pair as a second-order section (sectionCoefficients() of engine/tables.h), or a real pole as it is, in
// the shape of mixer.cuh's Slot: the states are w and d.
#pragma once

#include "engine/cuda/mixer.cuh"

namespace engine::cuda {

struct Section {
  float p, q, rest, s, c1, c2;
  __device__ void step(float& w, float& d, float u) const {
    d = fmaf(p, w, fmaf(q, d, fmaf(rest, d, u)));
    w = fmaf(s, w, d);
  }
  __device__ float read(float w, float d) const { return fmaf(c1, w, c2 * d); }
};

template <class Mode>
__device__ Mode loadMode(const ModalView& m, const GroupView& g, int slot, int channel);
template <>
__device__ inline Slot loadMode<Slot>(const ModalView& m, const GroupView& g, int slot, int channel) {
  return loadSlot(m, g, slot, channel);
}
// A real pole lambda = hi + lo: w <- hi w + (lo w + u); its d is forgotten.
template <>
__device__ inline Section loadMode<Section>(const ModalView& m, const GroupView& g, int slot, int channel) {
  const Slot row = loadSlot(m, g, slot, channel);
  if (slot < g.pairs) return {row.re, row.im, row.restRe, row.restIm, row.residueRe, row.residueIm};
  return {row.restRe, 0, 0, row.re, row.residueRe, 0};
}

}  // namespace engine::cuda
