// Adam with cosine decay of the step to zero; the best iterate is kept. The optimiser of the gradient baselines.
#pragma once

#include <Eigen/Core>
#include <cmath>
#include <limits>
#include <numbers>

#include "analysis/task.h"

namespace analysis {

struct AdamOptions {
  int steps = 30000;
  double rate = 1e-2;
};

// `objective(x, gradient)` returns f(x) and fills the gradient; it may project x onto its domain first. Kingma and Ba
// 2015, algorithm 1 (beta 0.9, 0.999, epsilon 1e-8). Looks at the stop token in every step.
template <typename Objective>
Eigen::VectorXd adam(Objective&& objective, Eigen::VectorXd x, const AdamOptions& options, const Task& task) {
  Eigen::VectorXd gradient = Eigen::VectorXd::Zero(x.size()), mean = gradient, square = gradient, best = x;
  double lowest = std::numeric_limits<double>::infinity(), meanLeft = 1, squareLeft = 1;
  for (int step = 0; step < options.steps; ++step) {
    task.throwIfStopped();
    if (step % 64 == 0) task.report(double(step) / options.steps, "gradient descent");
    const double f = objective(x, gradient);
    if (f < lowest) lowest = f, best = x;
    meanLeft *= 0.9;
    squareLeft *= 0.999;
    mean += 0.1 * (gradient - mean);
    square += 0.001 * (gradient.cwiseAbs2() - square);
    const double rate = options.rate * 0.5 * (1 + std::cos(std::numbers::pi * step / options.steps));
    x.array() -= rate * (mean.array() / (1 - meanLeft)) / ((square.array() / (1 - squareLeft)).sqrt() + 1e-8);
  }
  task.report(1, "gradient descent");
  return best;
}

}  // namespace analysis
