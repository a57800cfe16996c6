#include "analysis/reduction/methods/modaltruncation.h"

#include <algorithm>
#include <numeric>

#include "analysis/error.h"
#include "analysis/reduction/methods/catalogue.h"
#include "analysis/reduction/methods/hankelpoles.h"
#include "analysis/reduction/methods/withfeedthrough.h"
#include "analysis/reduction/residues.h"

namespace analysis {

StateSpace modalTruncation(const StateSpace& model, int order, int length) {
  if (order < 0 || length < 1)
    throw Error(ErrorKind::input, "Modal truncation", "order or length is out of range",
                "ask for 0 or more states on at least one tap");
  std::vector<double> energy(model.modes.size());
  for (std::size_t k = 0; k < energy.size(); ++k) {
    const auto response = model.modeResponse(static_cast<int>(k), length);
    energy[k] = std::inner_product(response.begin(), response.end(), response.begin(), 0.0) / model.modes[k].order();
  }
  std::vector<std::size_t> ranking(energy.size());
  std::iota(ranking.begin(), ranking.end(), std::size_t(0));
  std::stable_sort(ranking.begin(), ranking.end(), [&](std::size_t a, std::size_t b) { return energy[a] > energy[b]; });
  StateSpace out{.feedthrough = model.feedthrough, .modes = {}};
  for (const std::size_t k : ranking)
    if (out.order() + model.modes[k].order() <= order) out.modes.push_back(model.modes[k]);
  out.sortModes();
  return out;
}

Method modalTruncation() {
  return {.name = "modal-truncation",
          .title = "Modal truncation",
          .source = "Davison 1966, IEEE Trans. Autom. Control 11; modes of a Kung model of up to 64 states",
          .cost = "Kung's method at order 64 + O(64^2 M)",
          .decimatesLong = true,
          .algorithm = [](std::span<const double> g, int order, const Task& task) {
            const int full = std::max(order, std::min<int>(64, static_cast<int>((g.size() + 1) / 2)));
            const auto taps = withFeedthrough(g);
            const Fit fit = fitFromPoles(Target(taps), kungPoles(g, full, task), "kung");
            return modalTruncation(fit.model, order, static_cast<int>(taps.size())).poles();
          }};
}

}  // namespace analysis
