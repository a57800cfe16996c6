// What distilling does to the model, as its loss tells, and the smallest plan that a given loss allows. Filter errors
// say little about this: a filter fitted badly may not matter, and one fitted well may.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "analysis/reduction/distilled.h"
#include "engine/evaluate.h"

namespace engine {

// Loss differences are taken window by window on the same text. All evaluations convolve with h^ by FFT.
struct LossChange {
  double bits = 0;        // mean bits per token above the original's
  double spreadBits = 0;  // standard error of that mean over the windows; smaller changes are noise. 0: one window
};

// One bank replaced by its models, every other filter original.
struct BankEffect {
  std::string path;
  long long states = 0;  // real states of its models
  LossChange loss;
  double klPerToken = 0;  // nats, from the original
};

// One evaluation per bank, and one of the original. `original` must not be distilled. Throws what evaluate and
// Model::withDistilled throw.
std::vector<BankEffect> bankEffects(const std::shared_ptr<const Model>& original, const analysis::Distilled&,
                                    const EvaluationRequest&, const analysis::Task& = {});

struct LossPlan {
  std::vector<int> levels;        // of each bank: index into the levels that were offered
  analysis::Distilled distilled;  // the chosen models, bank by bank
  long long states = 0;
  LossChange loss;
  double originalBits = 0;
  int evaluations = 0;
};

// The smallest total state found whose measured loss stays within maxLossBits of the original: the smallest uniform
// level that does, then banks lowered one level at a time, the largest saving first, until none can be lowered.
// `levels`: the same checkpoint distilled to ascending orders. At most levels x (banks + 1) + banks evaluations. The
// bound was measured, so it holds on this text; another plan may be smaller still.
// Throws Error(input) when no level is good enough.
LossPlan planByLoss(const std::shared_ptr<const Model>& original, std::span<const analysis::Distilled> levels,
                    double maxLossBits, const EvaluationRequest&, const analysis::Task& = {});

}  // namespace engine
