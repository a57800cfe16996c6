#include "analysis/reduction/residues.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "analysis/error.h"
#include "analysis/reduction/bandedroot.h"
#include "analysis/reduction/powers.h"
#include "analysis/reduction/projection.h"
#include "analysis/reduction/tallleastsquares.h"

namespace analysis {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;

constexpr double denseEntries = 2e7;
constexpr double wellConditioned = 1e-3;  // smallest pivot: the refinement then gains six digits a step
constexpr int refinements = 4;

void updateResidual(const Target& target, const PoleSet& poles, Residues& result) {
  result.residual = target.sequence().all() - poles.synthesis(result.coefficients, target.length());
  result.squaredError = target.squaredError(result.residual);
}

// Iterative refinement: the same factor, the true residual as new data. Keeps the best.
void refine(const Target& target, const PoleSet& poles, const Projection& projection, Residues& result,
            const Task& task) {
  Transform transform;
  for (int step = 0; step < refinements; ++step) {
    task.throwIfStopped();
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

// Rows of the basis, a block of them at a time: nothing of length x order is stored.
class BasisRows {
 public:
  BasisRows(const PoleSet& poles, Index most) : m_poles(poles) {
    PowerTable table;
    table.fill(poles.logPoles, 1, most);
    m_real = table.real.transpose();
    m_imaginary = table.imaginary.transpose();
  }
  void fill(Index first, Eigen::Ref<MatrixXd> rows) const {
    const Index count = rows.rows();
    for (int k = 0; k < m_poles.rows(); ++k) {
      const auto z = power(m_poles.logPoles[static_cast<std::size_t>(k)], static_cast<double>(first));
      const auto re = m_real.col(k).head(count), im = m_imaginary.col(k).head(count);
      rows.col(k) = z.real() * re - z.imag() * im;
      if (k < m_poles.pairs) rows.col(m_poles.rows() + k) = z.imag() * re + z.real() * im;
    }
  }

 private:
  const PoleSet& m_poles;
  MatrixXd m_real, m_imaginary;
};

Residues orthogonal(const Target& target, const PoleSet& poles, const Task& task) {
  const Index M = target.length(), d = poles.order();
  TallLeastSquares folded(d, target.channels());
  if (target.lags().empty()) {
    const Index most = std::min(folded.blockRows(), M);
    const BasisRows basis(poles, most);
    MatrixXd rows(most, d + target.channels());
    for (Index row = 0; row < M; row += most) {
      task.throwIfStopped();
      const Index count = std::min(most, M - row);
      basis.fill(row, rows.topLeftCorner(count, d));
      rows.topRightCorner(count, target.channels()) = target.sequence().all().middleRows(row, count);
      folded.add(rows.topRows(count));
    }
  } else {  // ||L^T x||^2 = x^T R x
    MatrixXd system(M, d + target.channels());
    system << poles.basis(M), target.sequence().all();
    BandedRoot(target.lags(), M, task).applyTransposed(system, task);
    folded.add(system);
  }
  Residues result;
  result.coefficients = folded.solve(1e-14, true);
  updateResidual(target, poles, result);
  return result;
}

}  // namespace

Residues fitResidues(const Target& target, const PoleSet& poles, const Task& task) {
  const auto none = [&](double squaredError) {
    return Residues{MatrixXd::Zero(poles.order(), target.channels()), MatrixXd(target.sequence().all()), squaredError};
  };
  if (poles.rows() == 0 || target.isZero()) return none(target.isZero() ? 0.0 : 1.0);
  const auto finite = [](const auto& s) { return std::isfinite(s.real()) && std::isfinite(s.imag()); };
  if (!std::all_of(poles.logPoles.begin(), poles.logPoles.end(), finite)) return none(1.0);
  task.throwIfStopped();
  Projection projection(target);
  const bool regular = projection.evaluate(poles);
  const bool dense = static_cast<double>(target.length()) * poles.order() <= denseEntries;
  Residues result;
  if (dense && (!regular || projection.smallestPivot() < wellConditioned)) {
    result = orthogonal(target, poles, task);
  } else if (regular) {
    result.coefficients = projection.coefficients();
    updateResidual(target, poles, result);
    refine(target, poles, projection, result, task);
  } else {
    return none(1.0);
  }
  // Columns that cancel each other can lose every digit; no residues at all are then the better fit.
  return result.squaredError <= 1 ? result : none(1.0);
}

Fit makeFit(const Target& target, const PoleSet& poles, const Residues& residues, std::string method) {
  Fit fit = makeFit(target, poles, residues.coefficients, residues.residual.squaredNorm(), std::move(method));
  if (!target.lags().empty()) fit.errorWeighted = target.errorWeighted(residues.squaredError);
  return fit;
}

Fit makeFit(const Target& target, const PoleSet& poles, const Eigen::MatrixXd& coefficients, double squaredError,
            std::string method) {
  Fit fit{poles.model(target.feedthrough(), coefficients.col(0) * target.norm()), target.errorRelative(squaredError),
          std::move(method), {}};
  double envelope = 0;  // bounds every tap
  for (const Mode& mode : fit.model.modes) envelope += mode.order() * std::abs(mode.residue);
  if (!std::isfinite(envelope)) {
    throw Error(ErrorKind::numerical, "Reduction", "its residues leave the range of double precision",
                "scale the filter down or choose fewer states");
  }
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
