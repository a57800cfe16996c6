#include "analysis/reduction/candidate.h"

#include <utility>

#include "analysis/reduction/projection.h"
#include "analysis/reduction/residues.h"

namespace analysis {

namespace {

constexpr double certain = 1e-3;  // uncertainty over squared error: the objective is then worth a comparison

bool trusted(double squaredError, double uncertainty) {
  return squaredError >= gramFloor && uncertainty <= certain * squaredError;
}

Candidate byTrueResidual(const Target& target, const PoleSet& poles, std::string source, const Task& task) {
  Residues residues = fitResidues(target, poles, task);
  return {poles, std::move(residues.coefficients), residues.squaredError, std::move(source)};
}

}  // namespace

Candidate asIs(const Target& target, const PoleSet& poles, std::string source, const Task& task) {
  if (poles.rows() == 0) return {{}, {}, target.isZero() ? 0.0 : 1.0, std::move(source)};
  Projection projection(target);
  if (projection.evaluate(poles) && trusted(projection.squaredError(), projection.uncertainty())) {
    return {poles, projection.coefficients(), projection.squaredError(), std::move(source)};
  }
  return byTrueResidual(target, poles, std::move(source), task);
}

Candidate polish(const Target& target, const PoleSet& start, std::string source, const VarproOptions& options,
                 const Task& task) {
  if (start.rows() == 0) return asIs(target, start, std::move(source));
  VarproResult result = varpro(target, start, options, task);
  if (result.why != VarproStop::singularStart && trusted(result.squaredError, result.uncertainty)) {
    return {std::move(result.poles), std::move(result.coefficients), result.squaredError, std::move(source)};
  }
  PoleSet clipped = start;
  clipped.clip(options.limits);
  Candidate atStart = byTrueResidual(target, clipped, source, task);
  if (result.why == VarproStop::singularStart) return atStart;
  Candidate descended = byTrueResidual(target, result.poles, std::move(source), task);
  return descended.squaredError < atStart.squaredError ? descended : atStart;
}

Eigen::MatrixXd residual(const Target& target, const Candidate& candidate) {
  if (candidate.poles.rows() == 0) return target.sequence().all();
  return target.sequence().all() - candidate.poles.synthesis(candidate.coefficients, target.length());
}

}  // namespace analysis
