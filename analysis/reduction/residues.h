// Residues of given poles by least squares on the window, and what is left.
#pragma once

#include <Eigen/Core>
#include <span>
#include <string>

#include "analysis/reduction/fit.h"
#include "analysis/reduction/poleset.h"
#include "analysis/reduction/target.h"
#include "analysis/task.h"

namespace analysis {

struct Residues {
  Eigen::MatrixXd coefficients;  // of the real basis and the unit-norm sequence, one column a channel
  Eigen::MatrixXd residual;      // g - Phi c, from the synthesis itself
  double squaredError = 0;       // of the residual, in the target's norm: true down to rounding, unlike the Gram objective
};

// Closed-form normal equations refined on the true residual where the basis is well conditioned (O(M d) a step);
// otherwise a rank-revealing orthogonal decomposition of the scaled basis (O(M d^2)), as far as M d stays within
// 2e7.
Residues fitResidues(const Target&, const PoleSet&, const Task& = {});

// The model of any poles (a full closed set, as eigenvalues come): reflected into the unit circle, residues refitted.
// At most M poles are used. For methods that find poles only.
Fit fitFromPoles(const Target&, std::span<const std::complex<double>> poles, std::string method);
// Residues of the unit-norm sequence into a Fit of the filter (the target's only channel). Throws Error(numerical) when
// they leave the range of double precision, as taps near 1e308 can make them.
Fit makeFit(const Target&, const PoleSet&, const Residues&, std::string method);
// The same from coefficients whose unweighted squared error is known: no pass over the data.
Fit makeFit(const Target&, const PoleSet&, const Eigen::MatrixXd& coefficients, double squaredError, std::string method);

}  // namespace analysis
