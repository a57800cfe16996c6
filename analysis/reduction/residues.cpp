#include "analysis/reduction/residues.h"

#include <Eigen/QR>
#include <cmath>
#include <utility>

#include "analysis/reduction/bandedroot.h"
#include "analysis/reduction/projection.h"

namespace analysis {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double denseEntries = 2e7;
constexpr double wellConditioned = 1e-3;  // smallest pivot: the refinement then gains six digits a step
constexpr int refinements = 4;

void updateResidual(const Target& target, const PoleSet& poles, Residues& result) {
  result.residual = target.sequence().all() - poles.synthesis(result.coefficients, target.length());
  result.squaredError = target.squaredError(result.residual);
}

// Iterative refinement: the same factor, the true residual as new data. Keeps the best.
void refine(const Target& target, const PoleSet& poles, const Projection& projection, Residues& result) {
  Transform transform;
  for (int step = 0; step < refinements; ++step) {
    const bool weighted = !target.lags().empty();
    const MatrixXd data = weighted ? MatrixXd(correlate(target.lags(), result.residual)) : result.residual;
    transform.compute(BlockedSequence(data), poles, false);
    const MatrixXd correction = projection.solveGram(transform.sums());
    Residues next{result.coefficients + correction, {}, 0};
    updateResidual(target, poles, next);
    if (!(next.squaredError < result.squaredError)) return;
    const bool settled = next.squaredError > 0.999999 * result.squaredError;
    result = std::move(next);
    if (settled) return;
  }
}

Residues orthogonal(const Target& target, const PoleSet& poles) {
  MatrixXd basis = poles.basis(target.length()), data = target.sequence().all();
  if (!target.lags().empty()) {  // ||L^T x||^2 = x^T R x
    const BandedRoot root(target.lags(), target.length());
    root.applyTransposed(basis);
    root.applyTransposed(data);
  }
  VectorXd scale = basis.colwise().norm();
  for (Index k = 0; k < scale.size(); ++k) scale[k] = scale[k] > 0 ? 1 / scale[k] : 1;
  basis = basis * scale.asDiagonal();
  Eigen::CompleteOrthogonalDecomposition<MatrixXd> decomposition;
  decomposition.setThreshold(1e-14);
  decomposition.compute(basis);
  Residues result;
  result.coefficients = scale.asDiagonal() * decomposition.solve(data);
  updateResidual(target, poles, result);
  return result;
}

}  // namespace

Residues fitResidues(const Target& target, const PoleSet& poles) {
  const auto none = [&](double squaredError) {
    return Residues{MatrixXd::Zero(poles.order(), target.channels()), MatrixXd(target.sequence().all()), squaredError};
  };
  if (poles.rows() == 0 || target.isZero()) return none(target.isZero() ? 0.0 : 1.0);
  Projection projection(target);
  const bool regular = projection.evaluate(poles);
  const bool dense = static_cast<double>(target.length()) * poles.order() <= denseEntries;
  Residues result;
  if (dense && (!regular || projection.smallestPivot() < wellConditioned)) {
    result = orthogonal(target, poles);
  } else if (regular) {
    result.coefficients = projection.coefficients();
    updateResidual(target, poles, result);
    refine(target, poles, projection, result);
  } else {
    return none(1.0);
  }
  // Columns that cancel each other can lose every digit; no residues at all are then the better fit.
  return result.squaredError <= 1 ? result : none(1.0);
}

Fit makeFit(const Target& target, const PoleSet& poles, const Residues& residues, std::string method) {
  Fit fit{poles.model(target.feedthrough(), residues.coefficients.col(0) * target.norm()),
          target.errorRelative(residues.residual.squaredNorm()), std::move(method), {}};
  if (!target.lags().empty()) fit.errorWeighted = target.errorWeighted(residues.squaredError);
  return fit;
}

Fit fitFromPoles(const Target& target, std::span<const std::complex<double>> poles, std::string method) {
  PoleSet set = PoleSet::fromEigenvalues(poles);
  while (set.order() > target.length()) {
    if (set.pairs < set.rows()) {
      set.logPoles.pop_back();
    } else {
      set.logPoles.erase(set.logPoles.begin() + --set.pairs);
    }
  }
  const Residues residues = fitResidues(target, set);
  return makeFit(target, set, residues, std::move(method));
}

}  // namespace analysis
