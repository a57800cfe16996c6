// Poles that minimise the window's squared error: variable projection (Golub and Pereyra 1973, Kaufman 1975) with
// Levenberg-Marquardt steps, Marquardt scaling and Nielsen's damping (reduction page, section 4.3).
#pragma once

#include <Eigen/Core>

#include "analysis/reduction/poleset.h"
#include "analysis/reduction/target.h"
#include "analysis/task.h"

namespace analysis {

struct VarproOptions {
  int maxSteps = 40;
  double tolerance = 1e-7;  // stop when a step lowers the squared error by less than this, relatively
  PoleLimits limits = {};
  double ridge = 0;  // price of the squared coefficients of the unit-norm sequence (Projection)
};

enum class VarproStop { converged, noDescent, stepLimit, singularStart };

struct VarproResult {
  PoleSet poles;
  Eigen::MatrixXd coefficients;  // one column a channel; empty after singularStart
  double squaredError = 0;       // of the unit-norm sequence; noise below about 1e-13
  double uncertainty = 0;        // of the squared error, see Projection
  int steps = 0;                 // accepted
  VarproStop why = VarproStop::stepLimit;
};

// Never worse than its start. O(steps (4 M d + 200 d^2 + 5 d^3)). Stopped between evaluations.
VarproResult varpro(const Target&, PoleSet start, const VarproOptions& = {}, const Task& = {});

}  // namespace analysis
