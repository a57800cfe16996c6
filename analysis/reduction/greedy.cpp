#include "analysis/reduction/greedy.h"

#include <Eigen/Eigenvalues>
#include <utility>

namespace analysis {

namespace {

constexpr VarproOptions brief{.maxSteps = 15, .tolerance = 1e-6};

// What all channels have most in common: the leading left singular vector times its value.
Eigen::VectorXd principal(const Eigen::MatrixXd& residual) {
  if (residual.cols() == 1) return residual.col(0);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(residual.transpose() * residual);
  return residual * solver.eigenvectors().rightCols(1);
}

}  // namespace

PoleSet pairAdded(const Target& target, const PairSearch& search, const Candidate& from, const Task& task) {
  PoleSet poles = from.poles;
  poles.addPair(search.bestPair(principal(residual(target, from)), task));
  return poles;
}

PoleSet realAdded(const Target& target, const PairSearch& search, const Candidate& from) {
  PoleSet poles = from.poles;
  const auto s = search.bestReal(principal(residual(target, from)));
  poles.addReal(s.real(), s.imag() > 1);
  return poles;
}

Candidate withPair(const Target& target, const PairSearch& search, const Candidate& from, std::string source,
                   const Task& task) {
  return polish(target, pairAdded(target, search, from, task), std::move(source), brief, task);
}

Candidate withReal(const Target& target, const PairSearch& search, const Candidate& from, std::string source,
                   const Task& task) {
  return polish(target, realAdded(target, search, from), std::move(source), brief, task);
}

Candidate grow(const Target& target, const PairSearch& search, int maxOrder, const Task& task,
               const std::function<Candidate(const GrowthStep&)>& once,
               const std::function<void(const Candidate&)>& visit) {
  Candidate model;
  model.squaredError = target.isZero() ? 0 : 1;
  while (model.order() < maxOrder && model.squaredError >= exactError) {
    const GrowthStep step = [&] {
      return model.order() + 2 <= maxOrder ? withPair(target, search, model, "greedy", task)
                                           : withReal(target, search, model, "greedy", task);
    };
    model = once ? once(step) : step();
    if (visit) visit(model);
    if (model.squaredError < gramFloor) break;
  }
  return model;
}

}  // namespace analysis
