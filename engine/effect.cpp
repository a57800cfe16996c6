#include "engine/effect.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "engine/error.h"

namespace engine {
namespace {

long long statesOf(const analysis::DistilledBank& bank) {
  long long states = 0;
  for (const auto& filter : bank.filters)
    if (filter) states += filter->model.order();
  return states;
}

LossChange change(const Evaluation& original, const Evaluation& changed) {
  const auto windows = static_cast<double>(original.windowBits.size());
  LossChange result;
  for (std::size_t w = 0; w < original.windowBits.size(); ++w)
    result.bits += (changed.windowBits[w] - original.windowBits[w]) / windows;
  if (original.windowBits.size() < 2) return result;
  double squares = 0;
  for (std::size_t w = 0; w < original.windowBits.size(); ++w)
    squares += std::pow(changed.windowBits[w] - original.windowBits[w] - result.bits, 2);
  result.spreadBits = std::sqrt(squares / (windows - 1) / windows);
  return result;
}

EvaluationRequest byConvolution(EvaluationRequest request) {
  request.mode = {};
  request.stepByStep = false;
  return request;
}

void requireOriginal(const Model& model) {
  if (model.distilled())
    throw Error(ErrorKind::input, "effect on the model", "the model is distilled already", "start from the original");
}

std::string decimal(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", value);
  return text;
}

// The search: every plan it looks at is measured.
class Search {
 public:
  Search(const std::shared_ptr<const Model>& original, std::span<const analysis::Distilled> levels,
         const EvaluationRequest& request, const analysis::Task& task)
      : m_original(original),
        m_levels(levels),
        m_request(request),
        m_task(task),
        m_reference(evaluate(original, request, nullptr, quiet())) {}

  double originalBits() const { return m_reference.bitsPerToken; }
  int evaluations() const { return m_evaluations + 1; }

  analysis::Distilled distilled(const std::vector<int>& plan) const {
    analysis::Distilled result;
    result.metadata = m_levels.front().metadata;
    for (std::size_t bank = 0; bank < plan.size(); ++bank)
      result.banks.push_back(m_levels[static_cast<std::size_t>(plan[bank])].banks[bank]);
    return result;
  }

  LossChange loss(const std::vector<int>& plan) {
    ++m_evaluations;
    m_task.report(m_evaluations / (m_evaluations + 4.0), "measuring plans");  // their number is not known
    const auto model = m_original->withDistilled(distilled(plan));
    return change(m_reference, evaluate(model, m_request, nullptr, quiet()));
  }

 private:
  analysis::Task quiet() const { return analysis::Task(m_task.stopToken()); }

  const std::shared_ptr<const Model>& m_original;
  std::span<const analysis::Distilled> m_levels;
  const EvaluationRequest& m_request;
  const analysis::Task& m_task;
  Evaluation m_reference;
  int m_evaluations = 0;
};

}  // namespace

std::vector<BankEffect> bankEffects(const std::shared_ptr<const Model>& original, const analysis::Distilled& distilled,
                                    const EvaluationRequest& request, const analysis::Task& task) {
  requireOriginal(*original);
  const EvaluationRequest convolve = byConvolution(request);
  const analysis::Task quiet(task.stopToken());
  const Evaluation before = evaluate(original, convolve, nullptr, quiet);
  std::vector<BankEffect> effects;
  for (std::size_t index = 0; index < distilled.banks.size(); ++index) {
    task.report(static_cast<double>(index) / static_cast<double>(distilled.banks.size()), distilled.banks[index].path);
    analysis::Distilled one = distilled;
    for (std::size_t other = 0; other < one.banks.size(); ++other)
      if (other != index)
        for (auto& filter : one.banks[other].filters) filter.reset();
    const Evaluation after = evaluate(original->withDistilled(one), convolve, original, quiet);
    effects.push_back(
        {distilled.banks[index].path, statesOf(distilled.banks[index]), change(before, after), after.klPerToken});
  }
  task.report(1, "measured");
  return effects;
}

LossPlan planByLoss(const std::shared_ptr<const Model>& original, std::span<const analysis::Distilled> levels,
                    double maxLossBits, const EvaluationRequest& request, const analysis::Task& task) {
  requireOriginal(*original);
  if (levels.empty() || !std::isfinite(maxLossBits))
    throw Error(ErrorKind::input, "plan by loss", "there are no levels to choose from, or no finite bound",
                "distil to several orders and give the loss in bits per token");
  const std::size_t banks = levels.front().banks.size();
  for (const analysis::Distilled& level : levels) {
    bool same = level.banks.size() == banks;
    for (std::size_t bank = 0; same && bank < banks; ++bank)
      same = level.banks[bank].path == levels.front().banks[bank].path;
    if (!same)
      throw Error(ErrorKind::input, "plan by loss", "the levels were made from different checkpoints",
                  "distil one checkpoint to several orders");
  }
  const EvaluationRequest convolve = byConvolution(request);
  Search search(original, levels, convolve, task);

  LossPlan plan;
  bool found = false;
  for (int level = 0; level < static_cast<int>(levels.size()) && !found; ++level) {
    plan.levels.assign(banks, level);
    plan.loss = search.loss(plan.levels);
    found = plan.loss.bits <= maxLossBits;
  }
  if (!found)
    throw Error(ErrorKind::input, "plan by loss",
                "even the highest order loses " + decimal(plan.loss.bits) + " bits per token",
                "allow more loss or higher orders");

  std::vector<bool> open(banks, true);  // may still be lowered
  const auto saving = [&](std::size_t bank) {
    const auto level = static_cast<std::size_t>(plan.levels[bank]);
    return level == 0 ? 0 : statesOf(levels[level].banks[bank]) - statesOf(levels[level - 1].banks[bank]);
  };
  for (;;) {
    std::size_t best = banks;
    for (std::size_t bank = 0; bank < banks; ++bank)
      if (open[bank] && saving(bank) > 0 && (best == banks || saving(bank) > saving(best))) best = bank;
    if (best == banks) break;
    std::vector<int> lowered = plan.levels;
    --lowered[best];
    const LossChange loss = search.loss(lowered);
    if (loss.bits <= maxLossBits) {
      plan.levels = lowered;
      plan.loss = loss;
    } else {
      open[best] = false;
    }
  }
  plan.distilled = search.distilled(plan.levels);
  plan.states = plan.distilled.states();
  plan.originalBits = search.originalBits();
  plan.evaluations = search.evaluations();
  task.report(1, "measured");
  return plan;
}

}  // namespace engine
