// The smallest plan that a loss allows: see effect.h.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "analysis/reduction/plan.h"
#include "engine/effect.h"
#include "engine/error.h"

namespace engine {
namespace {

using Levels = std::vector<std::vector<int>>;
constexpr std::size_t keptLogits = std::size_t{1} << 27;  // half a gigabyte of them
constexpr double confidence = 2;                          // standard errors between the measured loss and the bound

std::string decimal(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", value);
  return text;
}

void requireSameFilters(std::span<const analysis::Distilled> levels) {
  for (const analysis::Distilled& level : levels) {
    bool same = level.banks.size() == levels.front().banks.size();
    for (std::size_t bank = 0; same && bank < level.banks.size(); ++bank)
      same = level.banks[bank].path == levels.front().banks[bank].path &&
             level.banks[bank].filters.size() == levels.front().banks[bank].filters.size();
    if (!same)
      throw Error(ErrorKind::input, "plan by loss", "the levels were made from different checkpoints",
                  "distil one checkpoint to several orders");
  }
}

// Windows of the text, evenly spread, one after the other. Targets at their ends are those of the next one: they serve
// comparisons of distributions only.
EvaluationRequest probes(const EvaluationRequest& text, int windowTokens, int wanted, int vocabulary) {
  const auto length = static_cast<std::size_t>(windowTokens);
  const std::size_t fitting = (text.tokens.size() - 1) / length;
  const std::size_t affordable = std::max<std::size_t>(1, keptLogits / (length * static_cast<std::size_t>(vocabulary)));
  const std::size_t limit = text.windows > 0 ? std::min(fitting, static_cast<std::size_t>(text.windows)) : fitting;
  const std::size_t count = std::min({static_cast<std::size_t>(std::max(wanted, 1)), limit, affordable});
  EvaluationRequest request;
  request.windowTokens = windowTokens;
  for (std::size_t i = 0; i < count; ++i) {
    const auto first = text.tokens.begin() + static_cast<std::ptrdiff_t>(i * limit / count * length);
    request.tokens.insert(request.tokens.end(), first, first + windowTokens);
  }
  request.tokens.push_back(request.tokens.back());
  return request;
}

// The search: every plan it looks at is measured.
class Search {
 public:
  Search(const std::shared_ptr<const Model>& original, std::span<const analysis::Distilled> levels,
         const LossPlanRequest& request, const analysis::Task& task)
      : m_original(original), m_levels(levels), m_bound(request.maxLossBits), m_text(request.text), m_task(task) {
    m_text.mode = {};
    m_text.stepByStep = false;
    m_text.keepLogits = false;
    m_text.referenceLogits = {};
    m_reference = evaluate(original, m_text, nullptr, quiet());
  }

  double originalBits() const { return m_reference.bitsPerToken; }
  int windowTokens() const { return m_reference.windowTokens; }
  bool within(const LossChange& loss) const { return loss.bits + confidence * loss.spreadBits <= m_bound; }

  Levels uniform(int level) const {
    Levels plan;
    for (const auto& bank : m_levels.front().banks) plan.emplace_back(bank.filters.size(), level);
    return plan;
  }

  // The first level of each filter whose error is within the tolerance; else the last.
  Levels tolerant(double tolerance) const {
    Levels plan = uniform(static_cast<int>(m_levels.size()) - 1);
    for (std::size_t b = 0; b < plan.size(); ++b)
      for (std::size_t c = 0; c < plan[b].size(); ++c)
        for (std::size_t level = m_levels.size(); level-- > 0;) {
          const auto& filter = m_levels[level].banks[b].filters[c];
          if (!filter || filter->errorRelative <= tolerance) plan[b][c] = static_cast<int>(level);
        }
    return plan;
  }

  analysis::Distilled distilled(const Levels& plan) const {
    analysis::Distilled result;
    result.metadata = m_levels.front().metadata;
    for (std::size_t b = 0; b < plan.size(); ++b) {
      auto& bank = result.banks.emplace_back();
      bank.path = m_levels.front().banks[b].path;
      for (std::size_t c = 0; c < plan[b].size(); ++c)
        bank.filters.push_back(m_levels[static_cast<std::size_t>(plan[b][c])].banks[b].filters[c]);
    }
    return result;
  }

  PlanPoint measure(const Levels& plan, PlanPoint::Kind kind, double setting) {
    m_task.report(1 - 1 / (1 + 0.1 * static_cast<double>(++m_evaluations)), "measuring plans");  // number not known
    const analysis::Distilled models = distilled(plan);
    const auto model = m_original->withDistilled(models);
    PlanPoint point{kind, setting, models.states(), lossChange(m_reference, evaluate(model, m_text, nullptr, quiet()))};
    m_points.push_back(point);
    return point;
  }

  std::vector<PlanPoint> points() const {
    std::vector<PlanPoint> sorted = m_points;
    std::stable_sort(sorted.begin(), sorted.end(), [](const PlanPoint& a, const PlanPoint& b) {
      return a.kind != b.kind ? a.kind < b.kind : a.states < b.states;
    });
    return sorted;
  }

 private:
  analysis::Task quiet() const { return analysis::Task(m_task.stopToken()); }

  const std::shared_ptr<const Model>& m_original;
  std::span<const analysis::Distilled> m_levels;
  double m_bound;
  EvaluationRequest m_text;
  const analysis::Task& m_task;
  Evaluation m_reference;
  std::vector<PlanPoint> m_points;
  int m_evaluations = 0;
};

// Predicted KL of every filter at every level, and the plans of least sum for a total.
class Allocation {
 public:
  Allocation(const analysis::Checkpoint& checkpoint, std::span<const analysis::Distilled> levels,
             std::span<const InputStatistics> inputs, const std::vector<std::vector<Sensitivity>>& sensitivity) {
    for (std::size_t b = 0; b < sensitivity.size(); ++b)
      for (std::size_t c = 0; c < sensitivity[b].size(); ++c) {
        const auto filter = checkpoint.filter({static_cast<int>(b), static_cast<int>(c)});
        auto& choices = m_choices.emplace_back();
        for (std::size_t level = 0; level < levels.size(); ++level) {
          const auto& model = levels[level].banks[b].filters[c];
          if (!model) {
            choices.push_back({static_cast<int>(level), 0, 0});
            break;
          }
          std::vector<double> error = model->model.impulseResponse(static_cast<int>(filter->taps.size()));
          for (std::size_t t = 0; t < error.size(); ++t) error[t] -= filter->taps[t];
          const double kl = sensitivity[b][c].klPerEnergy * outputEnergy(error, inputs[b].of(static_cast<int>(c)));
          const int order = model->model.order();
          if (choices.empty() || (order > choices.back().order && kl < choices.back().kl))
            choices.push_back({static_cast<int>(level), order, kl});
        }
      }
  }

  // Levels of least predicted KL with at most `states` in all beyond the least possible.
  Levels plan(long long states, const Levels& shape, double& predicted) const {
    std::vector<std::vector<double>> curves;
    for (const auto& choices : m_choices) {
      auto& curve = curves.emplace_back();
      for (std::size_t i = 0; i < choices.size(); ++i) {
        const int until = i + 1 < choices.size() ? choices[i + 1].order : choices[i].order + 1;
        for (int order = choices[i].order; order < until; ++order) curve.push_back(choices[i].kl);
      }
    }
    const std::vector<int> extra = analysis::ordersForBudget(curves, states);
    Levels plan = shape;
    predicted = 0;
    std::size_t at = 0;
    for (auto& bank : plan)
      for (int& level : bank) {
        const auto& choices = m_choices[at];
        std::size_t chosen = 0;
        while (chosen + 1 < choices.size() && choices[chosen + 1].order - choices[0].order <= extra[at]) ++chosen;
        level = choices[chosen].level;
        predicted += choices[chosen].kl;
        ++at;
      }
    return plan;
  }

 private:
  struct Choice {
    int level, order;
    double kl;
  };
  std::vector<std::vector<Choice>> m_choices;
};

}  // namespace

LossPlan planByLoss(const analysis::Checkpoint& checkpoint, const std::shared_ptr<const Model>& original,
                    std::span<const analysis::Distilled> levels, const LossPlanRequest& request,
                    const analysis::Task& task) {
  if (original->distilled())
    throw Error(ErrorKind::input, "plan by loss", "the model is distilled already", "start from the original");
  if (levels.empty() || !std::isfinite(request.maxLossBits))
    throw Error(ErrorKind::input, "plan by loss", "there are no levels to choose from, or no finite bound",
                "distil to several orders and give the loss in bits per token");
  requireSameFilters(levels);
  Search search(original, levels, request, task);

  using Kind = PlanPoint::Kind;
  LossPlan plan;
  PlanPoint best;
  int uniform = -1;
  for (int level = 0; level < static_cast<int>(levels.size()) && uniform < 0; ++level) {
    int order = 0;
    for (const auto& bank : levels[static_cast<std::size_t>(level)].banks)
      for (const auto& filter : bank.filters) order = std::max(order, filter ? filter->model.order() : 0);
    plan.levels = search.uniform(level);
    best = search.measure(plan.levels, Kind::uniformOrder, order);
    if (search.within(best.loss)) uniform = level;
  }
  if (uniform < 0)
    throw Error(ErrorKind::input, "plan by loss",
                "even the highest order loses " + decimal(best.loss.bits) + " +- " + decimal(best.loss.spreadBits) +
                    " bits per token",
                "allow more loss, give a longer text, or allow higher orders");
  const auto keep = [&](const Levels& candidate, const PlanPoint& point) {
    if (!search.within(point.loss) || point.states >= best.states) return;
    plan.levels = candidate;
    best = point;
  };

  if (uniform > 0) {
    for (double low = 1e-3, high = 1; high / low > 1.2;) {  // the largest tolerance that keeps the bound
      const double tolerance = std::sqrt(low * high);
      const Levels candidate = search.tolerant(tolerance);
      const PlanPoint point = search.measure(candidate, Kind::uniformTolerance, tolerance);
      keep(candidate, point);
      (search.within(point.loss) ? low : high) = tolerance;
    }
    const EvaluationRequest probe =
        probes(request.text, search.windowTokens(), request.probeWindows, original->shape().vocabulary);
    EvaluationRequest recorded = request.text;
    recorded.windowTokens = search.windowTokens();
    const auto inputs = inputStatistics(original, recorded, task);
    const auto sensitivity = sensitivities(checkpoint, original, levels[static_cast<std::size_t>(uniform - 1)], inputs,
                                           probe, request.maxSwaps, task);
    const Allocation allocation(checkpoint, levels, inputs, sensitivity);
    const long long least = levels.front().states();
    for (long long low = 0, high = best.states - least; high - low > std::max(1LL, best.states / 100);) {
      const long long middle = (low + high) / 2;
      double predicted = 0;
      const Levels candidate = allocation.plan(middle, search.uniform(0), predicted);
      const PlanPoint point = search.measure(candidate, Kind::byEffect, predicted);
      keep(candidate, point);
      (search.within(point.loss) ? high : low) = middle;
    }
  }
  plan.distilled = search.distilled(plan.levels);
  plan.states = best.states;
  plan.loss = best.loss;
  plan.originalBits = search.originalBits();
  plan.points = search.points();
  plan.evaluations = static_cast<int>(plan.points.size());
  task.report(1, "measured");
  return plan;
}

}  // namespace engine
