// A second opinion on language models: float64, direct O(T^2) convolution and attention, written from the formulas of
// the papers and sharing no code with the engine.
#pragma once

#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/reduction/distilled.h"

using Rows = std::vector<std::vector<double>>;

// Logits [tokens][vocabulary] of one sequence. Filters are the checkpoint's taps or, where `distilled` has a model,
// h[0] = f, h[t] = sum_k R_k lambda_k^(t-1).
Rows oracleLogits(const analysis::Checkpoint&, const std::vector<int>& tokens,
                  const analysis::Distilled* distilled = nullptr);

// What the long filters of the first block (Hyena of order 2) are fed with: x_1 v, [tokens][channels].
Rows oracleFilterInputs(const analysis::Checkpoint&, const std::vector<int>& tokens);

// Rows times the transpose of a matrix [outputs][inputs].
Rows oracleProduct(const Rows& x, const std::vector<double>& weight);

// ||a - b|| / ||b|| over flattened rows [first, first + count).
double relativeError(const std::vector<float>& a, const Rows& b, std::size_t first = 0, std::size_t count = 0);
