#include "analysis/reduction/firsttaps.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "analysis/error.h"

namespace analysis {

namespace {

constexpr int operationsPerState = 3;  // of a pair: 4 for the state, 2 for the output, over 2 states

double squaredNorm(const std::vector<double>& x, double scale) {
  double sum = 0;
  for (const double value : x) sum += (value / scale) * (value / scale);
  return sum;
}

}  // namespace

int FirstTapsFit::operations() const {
  return static_cast<int>(taps.size()) + operationsPerState * order();
}

std::vector<double> FirstTapsFit::impulseResponse(int length) const {
  std::vector<double> response(taps.begin(), taps.begin() + std::min<std::ptrdiff_t>(length, std::ssize(taps)));
  const int left = length - static_cast<int>(response.size());
  if (left > 0) {
    const auto rest = tail.impulseResponse(left + 1);
    response.insert(response.end(), rest.begin() + 1, rest.end());
  }
  return response;
}

FirstTapsFit fitAfterTaps(const std::shared_ptr<const Filter>& filter, int exactTaps, int order, Effort effort,
                          const Task& task) {
  const auto length = static_cast<std::ptrdiff_t>(filter->taps.size());
  if (exactTaps < 0) {
    throw Error(ErrorKind::input, filter->name, "a negative number of exact taps was asked for", "give 0 or more");
  }
  const auto kept = std::min<std::ptrdiff_t>(exactTaps + 1, length);
  FirstTapsFit result;
  result.taps.assign(filter->taps.begin(), filter->taps.begin() + kept);
  auto rest = std::make_shared<Filter>(*filter);
  rest->taps.assign(1, 0.0);
  rest->taps.insert(rest->taps.end(), filter->taps.begin() + kept, filter->taps.end());
  if (order < 0) throw Error(ErrorKind::input, filter->name, "a negative order was asked for", "give 0 or more");
  Fit fit = Reducer(rest, std::max(order, 1), task).fit(order, task, effort);
  double peak = 0;
  for (const double tap : filter->taps) peak = std::max(peak, std::abs(tap));
  if (peak > 0)
    result.errorRelative = fit.errorRelative * std::sqrt(squaredNorm(rest->taps, peak) / squaredNorm(filter->taps, peak));
  result.tail = std::move(fit.model);
  result.method = std::move(fit.method);
  return result;
}

FirstTapsFit bestSplit(const std::shared_ptr<const Filter>& filter, int operations, Effort effort, const Task& task) {
  FirstTapsFit best = fitAfterTaps(filter, 0, std::max(0, (operations - 1) / operationsPerState), effort, task);
  for (int exact = 1; exact + 1 + operationsPerState <= operations; exact *= 2) {
    auto next = fitAfterTaps(filter, exact, (operations - 1 - exact) / operationsPerState, effort, task);
    if (next.errorRelative < best.errorRelative) best = std::move(next);
  }
  return best;
}

}  // namespace analysis
