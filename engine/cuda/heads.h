// The kernels of MultiHyena as functions of host code (engine page, section 2.4). A row of streams is q | k | v, each
// [heads x head width] and padded to the stride as a whole. k and v are rounded as caches keep them before any mode
// uses them. Tables and states are those of kernels.h with a head for a channel: place p of the tables is head
// order[p], its state [slots] matrices of head width x head width entries (a float2 each for a pair, then floats for
// real poles), an even number of them. Head widths up to 8192 (cudaWidestHead): what a block of threads can keep.
#pragma once

#include "engine/cuda/kernels.h"

namespace engine::cuda {

// GroupView::state counts real states of the heads before a group, of one entry each.
struct HeadsView {
  int heads, headWidth;
  ModalView modes;  // groups: of one operator. Empty for the convolution
};
struct HeadBlocksView {
  int length, stagger;
  const float* powers;  // as BlockTable, at 2/3 of the group's coefficients
  const float* taps;    // as BlockTable
  float* responses;     // [batch, heads, length, head width, head width], by place
  void* inputs;         // [batch, heads, length, (k, v), head width] T, by place
};
struct HeadCacheView {
  int paddedHeadWidth;
  const float* taps;  // [heads, lags], skip in lag 0
  void* cache;        // [batch, heads, ring, (k, v), padded head width] T
  int lags, ring;
};

// y_j = sum_i q_i (h * k_i v_j), into step.out. O(states) per token.
void stepHeads(const MixerStep&, const HeadsView&, Type, const Launch&);
void promptHeads(const MixerPrompt&, const HeadsView&, Type, const Launch&);
// The same with second-order sections in place of poles, see sectionCoefficients() of engine/tables.h.
void stepHeadSections(const MixerStep&, const HeadsView&, Type, const Launch&);
void promptHeadSections(const MixerPrompt&, const HeadsView&, Type, const Launch&);

// Most tokens read the responses of one phase and the keys and values of the running block.
void stepHeadBlocks(const MixerStep&, const HeadsView&, const HeadBlocksView&, Type, const Launch&);
// The responses of the state at control->position, for every phase to come: once after a prompt.
void startHeadBlocks(const MixerStep&, const HeadsView&, const HeadBlocksView&, const Launch&);

// y_t = sum_s h[t-s] (q_t . k_s) v_s over all cached tokens.
void stepHeadCache(const MixerStep&, const HeadsView&, const HeadCacheView&, Type, const Launch&);
void promptHeadCache(const MixerPrompt&, const HeadsView&, const HeadCacheView&, Type, const Launch&);

// What stands between the mixer and the output projection of an operator: to = inner norm of mixed, T, and the
// operator's own normed input is added to the residual stream.
struct HeadFinish {
  int rows, stride;
  NormView inner, outer;  // RMS norms of the same width
  const void* mixed;  // [rows, stride] T
  float* residual;    // [rows, stride]
  void* to;           // [rows, stride] T
};
void finishHeads(const HeadFinish&, Type, const Launch&);

}  // namespace engine::cuda
