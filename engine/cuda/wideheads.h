// Heads of more than 256 channels, of MultiHyena's cached convolution and of attention: any width, simple kernels. A
// block of threads has one query and goes through its rows; where rows lie is as for narrower heads. O(rows width) per
// query.
#pragma once

#include "engine/cuda/heads.h"

namespace engine::cuda {

// Wider heads take kernels of this file.
inline constexpr int narrowHead = 256;

void stepWideHeads(const MixerStep&, const HeadsView&, const HeadCacheView&, Type, const Launch&);
// The cache holds the piece's rows already.
void promptWideHeads(const MixerPrompt&, const HeadsView&, const HeadCacheView&, Type, const Launch&);
// AttentionView::splits, partial and arrived are not used.
void stepWideAttention(const MixerStep&, const AttentionView&, Type, const Launch&);
void promptWideAttention(const MixerPrompt&, const AttentionView&, Type, const Launch&);

}  // namespace engine::cuda
