#include "analysis/reduction/candidate.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "analysis/reduction/projection.h"
#include "analysis/reduction/residues.h"

namespace analysis {

namespace {

constexpr double certain = 1e-3;  // uncertainty over squared error: the objective is then worth a comparison

constexpr VarproOptions glance{.maxSteps = 4, .tolerance = 1e-4};
constexpr double near = 0.25;       // distance of two poles over their decay: descent would bring them together
constexpr double distinct = 1e-4;   // relative decrease of the squared error: then it is another model

bool areTwins(const PoleSet& a, const PoleSet& b) {
  if (a.pairs != b.pairs || a.rows() != b.rows()) return false;
  return std::all_of(a.logPoles.begin(), a.logPoles.end(), [&b](const auto& s) {
    return std::any_of(b.logPoles.begin(), b.logPoles.end(),
                       [&s](const auto& other) { return std::abs(s - other) < near * -other.real(); });
  });
}

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

Candidate contend(const Target& target, const PoleSet& start, std::string source, const Candidate& rival,
                  double promising, const VarproOptions& options, const Task& task) {
  Candidate candidate = polish(target, start, source, glance, task);
  if (candidate.squaredError > promising * rival.squaredError) return candidate;
  const bool better = candidate.squaredError < (1 - distinct) * rival.squaredError;
  if (!better && areTwins(candidate.poles, rival.poles)) return candidate;
  return polish(target, candidate.poles, std::move(source), options, task);
}

Eigen::MatrixXd residual(const Target& target, const Candidate& candidate) {
  if (candidate.poles.rows() == 0) return target.sequence().all();
  return target.sequence().all() - candidate.poles.synthesis(candidate.coefficients, target.length());
}

}  // namespace analysis
