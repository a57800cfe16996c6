#include "analysis/reduction/greedy.h"

#include <utility>

namespace analysis {

namespace {

constexpr VarproOptions brief{.maxSteps = 15, .tolerance = 1e-6};

}  // namespace

Candidate withPair(const Target& target, const PairSearch& search, const Candidate& from, std::string source,
                   const Task& task) {
  PoleSet poles = from.poles;
  poles.addPair(search.bestPair(residual(target, from), task));
  return polish(target, poles, std::move(source), brief, task);
}

Candidate withReal(const Target& target, const PairSearch& search, const Candidate& from, std::string source,
                   const Task& task) {
  PoleSet poles = from.poles;
  const auto s = search.bestReal(residual(target, from));
  poles.addReal(s.real(), s.imag() > 1);
  return polish(target, poles, std::move(source), brief, task);
}

Candidate grow(const Target& target, const PairSearch& search, int maxOrder, const Task& task,
               const std::function<void(const Candidate&)>& visit) {
  Candidate model;
  model.squaredError = target.isZero() ? 0 : 1;
  while (model.order() < maxOrder && model.squaredError >= exactError) {
    model = model.order() + 2 <= maxOrder ? withPair(target, search, model, "greedy", task)
                                          : withReal(target, search, model, "greedy", task);
    if (visit) visit(model);
    if (model.squaredError < gramFloor) break;
  }
  return model;
}

}  // namespace analysis
