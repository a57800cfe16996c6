// Leading eigenpairs of a Hankel operator by Krylov methods. Deterministic: the start vector is fixed.
#pragma once

#include <Eigen/Core>

#include "analysis/response/hankel.h"
#include "analysis/task.h"

namespace analysis {

// Pairs of largest modulus, by modulus, largest first.
struct Eigenpairs {
  Eigen::VectorXd values;
  Eigen::MatrixXd vectors;    // size x values.size(), orthonormal columns
  Eigen::VectorXd residuals;  // ||H v - value v||: an eigenvalue lies that close to each value
  bool exact = false;         // the Krylov space closed: there are no further non-zero eigenvalues to be seen
};

// `steps` steps of symmetric Lanczos with full re-orthogonalisation; the `count` leading Ritz pairs, not necessarily
// converged. O(steps (n log n + steps n)); memory steps * n. Stopped between steps.
Eigenpairs lanczos(const HankelOperator&, int count, int steps, const Task& = {});

// The `count` leading pairs converged to residuals below 1e-9 of the largest value, by thick-restarted Lanczos (Wu and
// Simon 2000). When a spectrum is too flat to converge in `maxRestarts` rounds the residuals say so.
Eigenpairs convergedEigenpairs(const HankelOperator&, int count, const Task& = {}, int maxRestarts = 60);

}  // namespace analysis
