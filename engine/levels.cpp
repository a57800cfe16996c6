#include "engine/levels.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "analysis/reduction/parallel.h"
#include "analysis/response/bounds.h"
#include "engine/error.h"

namespace engine {

std::vector<int> levelOrders(int maxOrder) {
  std::vector<int> orders{0, 1, 2, 3};
  for (int order = 4; order <= maxOrder; order *= 2) {
    orders.push_back(order);
    orders.push_back(order + order / 2);
  }
  std::erase_if(orders, [maxOrder](int order) { return order > maxOrder; });
  return orders;
}

std::vector<analysis::Distilled> distilledLevels(const analysis::Checkpoint& checkpoint, std::span<const int> orders,
                                                 analysis::Effort effort, int threads, const analysis::Task& task) {
  if (orders.empty() || orders.front() < 0 ||
      std::adjacent_find(orders.begin(), orders.end(), std::greater_equal<>()) != orders.end())
    throw Error(ErrorKind::input, "levels", "their orders are not ascending from 0", "give each order once");
  std::vector<analysis::Distilled> levels(orders.size());
  std::vector<analysis::FilterId> ids;
  for (const analysis::Bank& bank : checkpoint.banks()) {
    const int index = static_cast<int>(&bank - checkpoint.banks().data());
    for (int c = 0; c < bank.channels; ++c) ids.push_back({index, c});
    for (auto& level : levels) {
      level.banks.push_back({bank.path, {}});
      level.banks.back().filters.resize(static_cast<std::size_t>(bank.channels));
    }
  }
  const int largest = orders.back();
  analysis::inParallel(ids.size(), threads, task, 0, 1, [&](std::size_t i) {
    const auto filter = checkpoint.filter(ids[i], task);
    const auto bounds = analysis::certificate(filter->taps, largest, task);
    const analysis::Reducer reducer(filter, std::max(1, largest), task);
    double first = 0, energy = 0;
    for (const double tap : filter->taps) energy += tap * tap;
    if (!filter->taps.empty()) first = filter->taps.front();
    for (std::size_t level = 0; level < orders.size(); ++level) {
      analysis::Fit fit;
      if (orders[level] > 0) {
        fit = reducer.fit(orders[level], task, effort);
      } else {
        fit.model.feedthrough = first;
        fit.errorRelative = energy > 0 ? std::sqrt(std::max(0.0, 1 - first * first / energy)) : 0;
      }
      const double bound = bounds.error[static_cast<std::size_t>(std::min(largest, fit.model.order()))];
      levels[level]
          .banks[static_cast<std::size_t>(ids[i].bank)]
          .filters[static_cast<std::size_t>(ids[i].channel)]
          .emplace(analysis::DistilledFilter{std::move(fit.model), filter->skip, fit.errorRelative, bound});
    }
  });
  return levels;
}

}  // namespace engine
