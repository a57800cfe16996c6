#include "analysis/reduction/varpro.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <utility>

#include "analysis/reduction/projection.h"

namespace analysis {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int triesPerStep = 8;
constexpr double largestUncertainty = 1e-2;  // of the squared error

PoleSet moved(const PoleSet& poles, const VectorXd& step, const PoleLimits& limits) {
  PoleSet result = poles;
  for (int k = 0; k < poles.rows(); ++k) {
    const double angle = k < poles.pairs ? step[poles.rows() + k] : 0.0;
    result.logPoles[static_cast<std::size_t>(k)] += std::complex<double>(step[k], angle);
  }
  result.clip(limits);
  return result;
}

// A step towards poles that nearly coincide is followed only as far as its objective is known.
bool believable(const Projection& trial, const Projection& current) {
  return trial.uncertainty() <= std::max(largestUncertainty * trial.squaredError(), current.uncertainty());
}

}  // namespace

VarproResult varpro(const Target& target, PoleSet start, const VarproOptions& options, const Task& task) {
  start.clip(options.limits);
  Projection current(target, options.ridge), trial(target, options.ridge);
  task.throwIfStopped();
  if (!current.evaluate(start)) return {std::move(start), {}, 1, 0, 0, VarproStop::singularStart};
  const auto result = [&](int steps, VarproStop why) {
    return VarproResult{current.poles(), current.coefficients(), current.squaredError(), current.uncertainty(), steps, why};
  };

  double mu = 1e-2, nu = 2;
  for (int steps = 0; steps < options.maxSteps; ++steps) {
    if (!(current.squaredError() > 0)) return result(steps, VarproStop::noDescent);
    current.linearise();
    const VectorXd diagonal = current.normal().diagonal();
    const double floor = std::max(diagonal.maxCoeff(), 1e-300) * 1e-14;
    const VectorXd scale = diagonal.cwiseMax(floor).cwiseSqrt().cwiseInverse();
    const MatrixXd normal = scale.asDiagonal() * current.normal() * scale.asDiagonal();
    const VectorXd gradient = scale.cwiseProduct(current.halfGradient());
    bool accepted = false;
    double gain = 0;
    for (int attempt = 0; attempt < triesPerStep && !accepted; ++attempt) {
      task.throwIfStopped();
      MatrixXd damped = normal;
      damped.diagonal().array() += mu;
      const Eigen::LLT<Eigen::Ref<MatrixXd>> cholesky(damped);
      if (cholesky.info() == Eigen::Success) {
        const VectorXd u = cholesky.solve(gradient);
        if (u.allFinite() && trial.evaluate(moved(current.poles(), scale.cwiseProduct(u), options.limits)) &&
            trial.squaredError() > 0 && trial.squaredError() < current.squaredError() && believable(trial, current)) {
          gain = current.squaredError() - trial.squaredError();
          const double predicted = std::max(2 * u.dot(gradient) - u.dot(normal * u), 1e-300);
          const double ratio = std::min(gain / predicted, 2.0);
          mu = std::max(mu * std::max(1.0 / 3, 1 - std::pow(2 * ratio - 1, 3)), 1e-12);
          nu = 2;
          accepted = true;
        }
      }
      if (!accepted) {
        mu *= nu;
        nu *= 2;
      }
    }
    if (!accepted) return result(steps, VarproStop::noDescent);
    const double relative = gain / current.squaredError();
    std::swap(current, trial);
    if (relative < options.tolerance) return result(steps + 1, VarproStop::converged);
  }
  return result(options.maxSteps, VarproStop::stepLimit);
}

}  // namespace analysis
