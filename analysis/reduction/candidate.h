// A model on its way: poles, coefficients and what they are worth, for the unit-norm sequence of one target.
#pragma once

#include <Eigen/Core>
#include <string>

#include "analysis/reduction/poleset.h"
#include "analysis/reduction/target.h"
#include "analysis/reduction/varpro.h"
#include "analysis/task.h"

namespace analysis {

// Below this squared error the Gram objective is noise and the true residual decides.
inline constexpr double gramFloor = 1e-11;
// Squared error of a model that is exact for every purpose.
inline constexpr double exactError = 1e-20;

struct Candidate {
  PoleSet poles;
  Eigen::MatrixXd coefficients;  // one column for each channel of the target
  double squaredError = 1;  // 1: the empty model
  std::string source;       // where its poles came from, for people

  int order() const { return poles.order(); }
};

// The given poles with least-squares residues: no descent.
Candidate asIs(const Target&, const PoleSet&, std::string source, const Task& = {});
// Variable projection from the given poles. Where the Gram matrix is singular, or the result lies below the Gram floor
// or is uncertain (modes that cancel each other), the true residual decides between the start and the result.
Candidate polish(const Target&, const PoleSet& start, std::string source, const VarproOptions&, const Task& = {});
// polish() against a model of the same order that is there already: a start whose squared error is more than `promising`
// times the rival's after a few steps, or that is on its way to the rival itself, goes no further.
Candidate contend(const Target&, const PoleSet& start, std::string source, const Candidate& rival, double promising,
                  const VarproOptions&, const Task& = {});
// g - g^, length x channels.
Eigen::MatrixXd residual(const Target&, const Candidate&);

}  // namespace analysis
