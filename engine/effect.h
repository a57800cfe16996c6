// What distilling does to the model, as its loss tells, and the smallest plan that a given loss allows. Filter errors
// say little about this: a filter fitted badly may not matter, and one fitted well may.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "analysis/reduction/distilled.h"
#include "engine/evaluate.h"
#include "engine/inputs.h"

namespace engine {

// All evaluations convolve with h^ by FFT and compare window by window on the same text.

// One bank replaced by its models, every other filter original.
struct BankEffect {
  std::string path;
  long long states = 0;  // real states of its models
  LossChange loss;
  double klPerToken = 0;               // nats, from the original
  std::vector<double> klOverPosition;  // the same in eighths of the window: drift
};

// One evaluation per bank, and one of the original. `original` must not be distilled. Throws what evaluate and
// Model::withDistilled throw.
std::vector<BankEffect> bankEffects(const std::shared_ptr<const Model>& original, const analysis::Distilled&,
                                    const EvaluationRequest&, const analysis::Task& = {});

// How much one filter matters: KL(original || model) per token is about `klPerEnergy` times the mean square that its
// error adds to the operator's output, measured by swapping it (or its group) alone.
struct Sensitivity {
  double klPerEnergy = 0;  // nats per unit of outputEnergy
  double kl = 0;           // nats per token, of the swap that was measured: of the whole group
  int group = 0;           // filters of one group were swapped together
};

// [bank][channel]. Filters are swapped for their models in `swapped`, at most maxSwaps groups of neighbouring channels,
// one evaluation each on the windows of the request. The original's logits are kept: windows x tokens x vocabulary
// floats.
std::vector<std::vector<Sensitivity>> sensitivities(const analysis::Checkpoint&, const std::shared_ptr<const Model>&,
                                                    const analysis::Distilled& swapped,
                                                    std::span<const InputStatistics>, const EvaluationRequest&,
                                                    int maxSwaps = 1024, const analysis::Task& = {});

// One plan that was measured.
struct PlanPoint {
  enum class Kind { uniformOrder, uniformTolerance, byEffect } kind = Kind::uniformOrder;
  double setting = 0;  // the order (largest of the level), the tolerance, the predicted KL in nats
  long long states = 0;
  LossChange loss;
};

struct LossPlan {
  std::vector<std::vector<int>> levels;  // of each filter of each bank: index into the levels that were offered
  analysis::Distilled distilled;         // the chosen models
  long long states = 0;
  LossChange loss;
  double originalBits = 0;
  int evaluations = 0;            // of whole plans on the whole text
  std::vector<PlanPoint> points;  // all that was measured on the way, by kind and states
};

struct LossPlanRequest {
  double maxLossBits = 0.01;  // bits per token above the original
  EvaluationRequest text;     // on which the bound is measured
  int probeWindows = 4;       // of it, evenly spread, for the sensitivities; fewer where their logits pass 0.5 GB
  int maxSwaps = 1024;
};

// The smallest total state found whose measured loss plus twice its standard error stays within maxLossBits.
// `levels`: the same checkpoint distilled to ascending orders; not distilled filters stay so. Uniform levels and
// uniform tolerances are measured first; then states are spent where sensitivity times output error says, and the total
// is bisected by measurement. About levels + maxSwaps short and 20 long evaluations. The bound holds on this text; the
// margin is there for others. Throws Error(input) when no level is good enough.
LossPlan planByLoss(const analysis::Checkpoint&, const std::shared_ptr<const Model>& original,
                    std::span<const analysis::Distilled> levels, const LossPlanRequest&, const analysis::Task& = {});

}  // namespace engine
