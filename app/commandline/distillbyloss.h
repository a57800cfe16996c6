// polecat distill --max-loss and --refit-text: models chosen, or refitted, by what they do to the language model.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <vector>

#include "app/commandline/source.h"
#include "engine/effect.h"
#include "engine/inputs.h"

namespace CLI {
class App;
}

namespace commandline {

struct LossOptions {
  std::optional<double> maxLoss;          // bits per token
  std::filesystem::path text, refitText;  // refitText: empty, no refit
  int windows = 0;                        // of either text; 0: as many as fit
};
// Declares --max-loss, --text, --windows and --refit-text.
void addLossOptions(CLI::App&, LossOptions&);

// The plan of least states within the bound, from orders up to maxOrder; its models, ready to be written. Throws
// UsageError without --text, engine::Error when the bound cannot be kept.
engine::LossPlan distilByLoss(const CheckpointOptions&, const LossOptions&, int maxOrder, analysis::Effort, int threads,
                              std::stop_token);
// The measured points as a table: states against loss, for uniform order, uniform tolerance and plans by effect.
void printPlan(const engine::LossPlan&, double maxLoss);
nlohmann::ordered_json planJson(const engine::LossPlan&, double maxLoss);

// What the model feeds its filters on a text: one entry per bank. `windows` as in LossOptions.
std::vector<engine::InputStatistics> inputsOn(const CheckpointOptions&, const std::filesystem::path& text, int windows,
                                              std::stop_token);
// The same models with residues refitted to the inputs that the model has on the text.
analysis::Distilled refitted(const CheckpointOptions&, const LossOptions&, const analysis::Distilled&, std::stop_token);

}  // namespace commandline
