// Balanced truncation, Kung's method and its weighted form. A Hankel matrix is symmetric: one eigen-decomposition is
// its singular value decomposition.
#include "analysis/reduction/methods/hankelpoles.h"

#include <Eigen/QR>
#include <cmath>

#include "analysis/reduction/methods/catalogue.h"
#include "analysis/reduction/methods/decimation.h"
#include "analysis/reduction/methods/poles.h"
#include "analysis/reduction/methods/shift.h"

namespace analysis {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

// Kung on D H D: observability D^-1 U, shift by least squares with rows weighted by D.
Poles weightedPoles(std::span<const double> full, int order, const Task& task) {
  const Decimation data(full, longestHankel);
  const auto weights = halfWeights(static_cast<int>(data.g.size()));
  const HankelOperator hankel(data.g, static_cast<int>(data.g.size()), weights);
  const MatrixXd u = significantEigenpairs(hankel, order, task).vectors;
  const Index rows = u.rows() - 1;
  const Eigen::Map<const Eigen::ArrayXd> d(weights.data(), rows + 1);
  const Eigen::ArrayXd ratio = d.tail(rows) / d.head(rows);
  MatrixXd before = u.topRows(rows).array().colwise() * ratio;
  const Eigen::HouseholderQR<Eigen::Ref<MatrixXd>> qr(before);
  return data.fullRate(eigenvalues(qr.solve(u.bottomRows(rows))));
}

}  // namespace

Eigenpairs significantEigenpairs(const HankelOperator& hankel, int count, const Task& task) {
  Eigenpairs pairs = convergedEigenpairs(hankel, count, task);
  Index kept = pairs.values.size();
  while (kept > 1 && std::abs(pairs.values[kept - 1]) < 1e-13 * std::abs(pairs.values[0])) --kept;
  pairs.values.conservativeResize(kept);
  pairs.residuals.conservativeResize(kept);
  pairs.vectors.conservativeResize(Eigen::NoChange, kept);
  return pairs;
}

Poles balancedPoles(std::span<const double> full, int order, const Task& task) {
  const Decimation data(full, longestHankel);
  const HankelOperator hankel(data.g, static_cast<int>(data.g.size()));
  const MatrixXd v = significantEigenpairs(hankel, order, task).vectors;
  const Index rows = v.rows() - 1;
  return data.fullRate(eigenvalues(v.topRows(rows).transpose() * v.bottomRows(rows)));
}

Poles kungPoles(std::span<const double> full, int order, const Task& task) {
  const Decimation data(full, longestHankel);
  const int half = (static_cast<int>(data.g.size()) + 1) / 2;
  const HankelOperator hankel(std::span(data.g).first(2 * half - 1), half);
  return data.fullRate(eigenvalues(shiftMatrix(significantEigenpairs(hankel, order, task).vectors)));
}

Method balancedTruncation() {
  return {.name = "balanced-truncation",
          .title = "Balanced truncation",
          .source = "Moore 1981; Kung 1978 on the zero-padded Hankel matrix (Gramians I and H^2)",
          .cost = "some 4 d transforms of 2 M points, memory O(M d)",
          .decimatesLong = true,
          .algorithm = balancedPoles};
}

Method kung() {
  return {.name = "kung",
          .title = "Kung's method (ERA)",
          .source = "Kung 1978; Juang and Pappa 1985 (ERA), half window",
          .cost = "some 4 d transforms of M points, memory O(M d)",
          .mayBeUnstable = true,
          .decimatesLong = true,
          .algorithm = kungPoles};
}

Method weightedKung() {
  return {
      .name = "weighted-kung",
      .title = "Weighted Kung",
      .source = "Kung 1978 on D H D, D^2 the Taylor coefficients of (1-x)^(-1/2): the spectrum behind the certificate",
      .cost = "some 4 d transforms of 2 M points, memory O(M d)",
      .mayBeUnstable = true,
      .decimatesLong = true,
      .algorithm = weightedPoles};
}

}  // namespace analysis
