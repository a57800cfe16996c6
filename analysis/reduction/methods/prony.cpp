// Linear prediction by least squares: g[n+d] = -sum_k a_k g[n+d-k] over the whole window. The residual of the
// prediction, not of the filter, is minimised, which biases the poles as soon as the filter is not exactly of order d.
#include <limits>

#include "analysis/reduction/methods/catalogue.h"
#include "analysis/reduction/methods/linearprediction.h"
#include "analysis/reduction/methods/poles.h"
#include "analysis/reduction/tallleastsquares.h"

namespace analysis {

std::vector<double> linearPrediction(std::span<const double> g, int order, const Task& task) {
  const auto length = static_cast<Eigen::Index>(g.size());
  const Eigen::Index rows = length - order;
  TallLeastSquares equations(order);
  for (Eigen::Index first = 0; first < rows; first += equations.blockRows()) {
    task.throwIfStopped();
    const Eigen::Index count = std::min(equations.blockRows(), rows - first);
    Eigen::MatrixXd block(count, order + 1);
    for (Eigen::Index k = 0; k <= order; ++k)  // column k: the value k+1 steps back; the last column: the target
      block.col(k) = Eigen::Map<const Eigen::VectorXd>(g.data() + first + (k < order ? order - 1 - k : order), count);
    block.col(order) *= -1;
    equations.add(block);
  }
  const double epsilon =
      std::numeric_limits<double>::epsilon() * static_cast<double>(std::max<Eigen::Index>(rows, order));
  const Eigen::VectorXd a = equations.solve(epsilon, false);
  return std::vector<double>(a.begin(), a.end());
}

Method prony() {
  return {.name = "prony",
          .title = "Prony's method",
          .source = "Prony 1795; Marple 1987, Digital Spectral Analysis, ch. 11 (least squares)",
          .cost = "O(M d^2), memory O(d^2)",
          .mayBeUnstable = true,
          .algorithm = [](std::span<const double> g, int order, const Task& task) {
            return polynomialRoots(linearPrediction(g, order, task));
          }};
}

}  // namespace analysis
