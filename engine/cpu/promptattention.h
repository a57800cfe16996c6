// Attention of many neighbouring queries of one head: they lie side by side in the lanes of registers, so that scores,
// softmax and weighted sums need no sums across lanes. For prompts; a single query gains nothing.
#pragma once

#include <cstddef>

#include "engine/cpu/vector.h"

namespace engine::cpu {

inline constexpr int promptQueries = 2 * lanes;  // at once

// Head widths that it can do: whole pairs of registers, at most 256 channels.
bool promptAttentionFits(int headWidth);

// Query j < queries <= promptQueries stands at position + j and sees the keys up to there. keys and values hold rows of
// headWidth floats from position 0 on, those of the queries too; `scores` has room for promptQueries * (position + queries)
// floats. to_j = sum_s p_js v_s with p_j = softmax_s(scale q_j . k_s). What a query gets does not depend on its neighbours.
// O((position + queries) promptQueries headWidth).
struct PromptAttention {
  const float *keys, *values;
  int headWidth, position, queries;
  float scale;
  void attend(const float* query, std::size_t queryStride, float* scores, float* to, std::size_t toStride) const;
};

}  // namespace engine::cpu
