// Variable projection from the balanced start alone: the method inside the default, without other starts or exchange.
#include "analysis/reduction/methods/catalogue.h"
#include "analysis/reduction/methods/hankelpoles.h"
#include "analysis/reduction/methods/withfeedthrough.h"
#include "analysis/reduction/varpro.h"

namespace analysis {

Method singleVarpro() {
  return {.name = "varpro",
          .title = "Variable projection, one start",
          .source = "Golub and Pereyra 1973; Kaufman 1975; from balanced truncation",
          .cost = "balanced truncation + at most 60 steps of O(M d + 200 d^2 + 5 d^3)",
          .decimatesLong = true,
          .algorithm = [](std::span<const double> g, int order, const Task& task) {
            const Target target(withFeedthrough(g));
            const Poles start = balancedPoles(g, order, task);
            const auto result = varpro(target, PoleSet::fromEigenvalues(start), {.maxSteps = 60}, task);
            return result.why == VarproStop::singularStart ? start : result.poles.model(0, result.coefficients).poles();
          }};
}

}  // namespace analysis
