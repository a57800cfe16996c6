#include "engine/effect.h"

#include <algorithm>

#include "engine/error.h"

namespace engine {
namespace {

constexpr int driftParts = 8;

long long statesOf(const analysis::DistilledBank& bank) {
  long long states = 0;
  for (const auto& filter : bank.filters)
    if (filter) states += filter->model.order();
  return states;
}

// Runs the original once and models against it.
class Swaps {
 public:
  Swaps(const std::shared_ptr<const Model>& original, EvaluationRequest request, const analysis::Task& task)
      : m_original(original), m_request(std::move(request)), m_quiet(task.stopToken()) {
    if (original->distilled())
      throw Error(ErrorKind::input, "effect on the model", "the model is distilled already", "start from the original");
    m_request.mode = {};
    m_request.stepByStep = false;
    m_request.keepLogits = true;
    m_before = evaluate(original, m_request, nullptr, m_quiet);
    m_request.keepLogits = false;
    m_request.referenceLogits = m_before.logits;
  }

  Evaluation with(const analysis::Distilled& distilled) const {
    return evaluate(m_original->withDistilled(distilled), m_request, nullptr, m_quiet);
  }

 private:
  const std::shared_ptr<const Model>& m_original;
  EvaluationRequest m_request;
  analysis::Task m_quiet;
  Evaluation m_before;
};

analysis::Distilled nothingDistilled(const analysis::Distilled& like) {
  analysis::Distilled none;
  for (const auto& bank : like.banks) {
    none.banks.push_back({bank.path, {}});
    none.banks.back().filters.resize(bank.filters.size());
  }
  return none;
}

double energyOf(const analysis::Checkpoint& checkpoint, analysis::FilterId id,
                const std::optional<analysis::DistilledFilter>& model, const InputStatistics& inputs) {
  if (!model) return 0;
  const auto filter = checkpoint.filter(id);
  std::vector<double> error = model->model.impulseResponse(static_cast<int>(filter->taps.size()));
  for (std::size_t t = 0; t < error.size(); ++t) error[t] -= filter->taps[t];
  return outputEnergy(error, inputs.of(id.channel));
}

}  // namespace

std::vector<BankEffect> bankEffects(const std::shared_ptr<const Model>& original, const analysis::Distilled& distilled,
                                    const EvaluationRequest& request, const analysis::Task& task) {
  const Swaps swaps(original, request, task);
  std::vector<BankEffect> effects;
  for (std::size_t index = 0; index < distilled.banks.size(); ++index) {
    task.report(static_cast<double>(index) / static_cast<double>(distilled.banks.size()), distilled.banks[index].path);
    analysis::Distilled one = nothingDistilled(distilled);
    one.banks[index] = distilled.banks[index];
    const Evaluation after = swaps.with(one);
    effects.push_back({distilled.banks[index].path, statesOf(distilled.banks[index]), lossChange(after),
                       after.klPerToken, overPosition(after.kl, after.windowTokens, driftParts)});
  }
  task.report(1, "measured");
  return effects;
}

std::vector<std::vector<Sensitivity>> sensitivities(const analysis::Checkpoint& checkpoint,
                                                    const std::shared_ptr<const Model>& original,
                                                    const analysis::Distilled& swapped,
                                                    std::span<const InputStatistics> inputs,
                                                    const EvaluationRequest& request, int maxSwaps,
                                                    const analysis::Task& task) {
  if (inputs.size() != swapped.banks.size() || swapped.banks.size() != checkpoint.banks().size() || maxSwaps < 1)
    throw Error(ErrorKind::input, "sensitivities", "models, inputs and checkpoint do not belong together",
                "distil and record the same checkpoint");
  const Swaps swaps(original, request, task);
  std::size_t filters = 0, done = 0;
  for (const auto& bank : swapped.banks) filters += bank.filters.size();
  const std::size_t perGroup = (filters + static_cast<std::size_t>(maxSwaps) - 1) / static_cast<std::size_t>(maxSwaps);
  std::vector<std::vector<Sensitivity>> result;
  int group = 0;
  for (std::size_t b = 0; b < swapped.banks.size(); ++b) {
    const auto& bank = swapped.banks[b];
    auto& row = result.emplace_back(bank.filters.size());
    for (std::size_t first = 0; first < bank.filters.size(); first += perGroup, ++group) {
      const std::size_t last = std::min(first + perGroup, bank.filters.size());
      analysis::Distilled one = nothingDistilled(swapped);
      double energy = 0;
      for (std::size_t c = first; c < last; ++c) {
        one.banks[b].filters[c] = bank.filters[c];
        energy += energyOf(checkpoint, {static_cast<int>(b), static_cast<int>(c)}, bank.filters[c], inputs[b]);
      }
      const double kl = energy > 0 ? swaps.with(one).klPerToken : 0;
      for (std::size_t c = first; c < last; ++c) row[c] = {energy > 0 ? kl / energy : 0, kl, group};
      done += last - first;
      task.report(static_cast<double>(done) / static_cast<double>(filters), "swapping one filter at a time");
    }
  }
  return result;
}

}  // namespace engine
