#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "analysis/error.h"
#include "analysis/reduction/distilled.h"
#include "analysis/reduction/parallel.h"
#include "analysis/reduction/plan.h"
#include "analysis/reduction/recurrence.h"
#include "analysis/response/bounds.h"

namespace analysis {

namespace {

constexpr int misses = 2;          // orders in a row above the tolerance before a search downwards ends
constexpr int roomAbove = 8;       // further orders that a path exchange needs to serve its last ones well
constexpr double planShare = 0.3;  // of the progress, when the orders have to be found first

const char* nameOf(Effort effort) {
  switch (effort) {
    case Effort::quick:
      return "variable projection, quick";
    case Effort::standard:
      return "variable projection, standard";
    case Effort::full:
      return "variable projection, path exchange";
  }
  return "";
}

std::vector<FilterId> askedFilters(const Checkpoint& checkpoint, const DistilRequest& request) {
  if (!request.filters.empty()) return request.filters;
  std::vector<FilterId> ids;
  for (int bank = 0; bank < static_cast<int>(checkpoint.banks().size()); ++bank) {
    const int channels = checkpoint.banks()[static_cast<std::size_t>(bank)].channels;
    for (int channel = 0; channel < channels; ++channel) ids.push_back({bank, channel});
  }
  return ids;
}

void requireSensible(const DistilRequest& request, std::size_t filters) {
  const auto refuse = [](const std::string& problem, const std::string& advice) {
    throw Error(ErrorKind::input, "Distillation", problem, advice);
  };
  const int ways =
      request.order.has_value() + request.tolerance.has_value() + request.budget.has_value() + !request.orders.empty();
  if (ways != 1) {
    refuse("not exactly one of order, orders, tolerance and budget was given",
           "say how many states to keep in one way");
  }
  if (!request.orders.empty() && request.orders.size() != filters) {
    refuse(std::to_string(request.orders.size()) + " orders were given for " + std::to_string(filters) + " filters",
           "give one for each");
  }
  const auto tooSmall = [](int order) { return order < 1; };
  if ((request.order && tooSmall(*request.order)) ||
      std::any_of(request.orders.begin(), request.orders.end(), tooSmall)) {
    refuse("an order below 1 was asked for", "keep at least one state");
  }
  if (request.tolerance && !(*request.tolerance > 0)) refuse("the tolerance is not positive", "give one such as 0.05");
  if (request.budget && *request.budget < 0) refuse("the budget is negative", "give a number of states");
}

// The smallest order within the tolerance. Spectral models with refitted residues are cheap at all orders and give one
// from above; the descent from there ends when fits no longer help.
Fit withinTolerance(const Reducer& reducer, double tolerance, Effort effort, const Task& task) {
  const auto curve = effort == Effort::full ? reducer.curve(1, task) : reducer.spectralCurve(task);
  const int above = curve->orderWithin(tolerance);
  if (effort == Effort::full) return *curve->fits[static_cast<std::size_t>(above < 0 ? reducer.maxOrder() : above)];
  int order = above < 0 ? reducer.maxOrder() : above;
  Fit best = reducer.fit(order, task, effort);
  if (above >= 0 && curve->fits[static_cast<std::size_t>(above)]->errorRelative < best.errorRelative)
    best = *curve->fits[static_cast<std::size_t>(above)];
  for (int missed = 0; best.errorRelative <= tolerance && missed < misses && order > 0;) {
    Fit fit = reducer.fit(--order, task, effort);
    if (fit.errorRelative <= tolerance) {
      best = std::move(fit);
      missed = 0;
    } else {
      ++missed;
    }
  }
  return best;
}

Fit fitOne(const std::shared_ptr<const Filter>& filter, const DistilRequest& request, int order, const Task& task) {
  if (request.tolerance)
    return withinTolerance(Reducer(filter, request.maxOrder, task), *request.tolerance, request.effort, task);
  const int room = request.effort == Effort::full ? roomAbove : 0;
  return Reducer(filter, std::max(order, 1) + room, task).fit(order, task, request.effort);
}

// Orders of least summed squared error for the budget, judged by the spectral curves.
std::vector<int> plannedOrders(const Checkpoint& checkpoint, const DistilRequest& request,
                               const std::vector<FilterId>& ids, const Task& task) {
  std::vector<std::vector<double>> curves(ids.size());
  inParallel(ids.size(), request.threads, task, 0, planShare, [&](std::size_t i) {
    const auto filter = checkpoint.filter(ids[i], task);
    double energy = 0;
    for (const double tap : filter->taps) energy += tap * tap;
    const auto curve = Reducer(filter, request.maxOrder, task).spectralCurve(task);
    for (const auto& fit : curve->fits)
      curves[i].push_back(fit->errorRelative * fit->errorRelative * energy);
  });
  return ordersForBudget(curves, *request.budget);
}

nlohmann::json planOf(const DistilRequest& request, const Checkpoint& checkpoint, const std::vector<FilterId>& ids) {
  nlohmann::json plan;
  if (request.order) plan["order"] = *request.order;
  if (request.tolerance) plan = {{"tolerance", *request.tolerance}, {"max_order", request.maxOrder}};
  if (request.budget) plan = {{"budget", *request.budget}, {"max_order", request.maxOrder}};
  for (std::size_t i = 0; i < request.orders.size(); ++i)
    plan["orders"][checkpoint.filterName(ids[i])] = request.orders[i];
  if (!request.filters.empty()) {
    for (const FilterId id : ids) plan["filters"].push_back(checkpoint.filterName(id));
  }
  return plan;
}

// One number, or bank to number where they differ.
std::string lengthsOf(const Checkpoint& checkpoint) {
  nlohmann::json lengths;
  bool same = true;
  for (const Bank& bank : checkpoint.banks()) {
    lengths[bank.path] = bank.lengthSamples;
    same = same && bank.lengthSamples == checkpoint.banks().front().lengthSamples;
  }
  return same && !checkpoint.banks().empty() ? std::to_string(checkpoint.banks().front().lengthSamples)
                                             : lengths.dump();
}

void requireSameRequest(const Distilled& earlier, const std::map<std::string, std::string>& metadata) {
  for (const char* key : {"source_sha256", "plan", "method"}) {
    const auto found = earlier.metadata.find(key);
    if (found == earlier.metadata.end() || found->second != metadata.at(key)) {
      throw Error(ErrorKind::input, "Earlier result", std::string("its ") + key + " is another one",
                  "resume with the same checkpoint and request, or start afresh");
    }
  }
}

const std::optional<DistilledFilter>* earlierModel(const Distilled* earlier, const std::string& path, int channel) {
  if (!earlier) return nullptr;
  for (const auto& bank : earlier->banks) {
    if (bank.path == path && static_cast<std::size_t>(channel) < bank.filters.size())
      return &bank.filters[static_cast<std::size_t>(channel)];
  }
  return nullptr;
}

}  // namespace

std::map<std::string, std::string> distilMetadata(const Checkpoint& checkpoint, const DistilRequest& request,
                                                  const Task& task) {
  return {{"source_file", checkpoint.tensors().path().filename().string()},
          {"source_sha256", checkpoint.sha256(task)},
          {"family", checkpoint.report().family},
          {"length", lengthsOf(checkpoint)},
          {"method", nameOf(request.effort)},
          {"plan", planOf(request, checkpoint, askedFilters(checkpoint, request)).dump()}};
}

Distilled distil(const Checkpoint& checkpoint, const DistilRequest& request, const Task& task) {
  const auto ids = askedFilters(checkpoint, request);
  requireSensible(request, ids.size());
  Distilled distilled;
  distilled.metadata = distilMetadata(checkpoint, request, task);
  if (request.resume) requireSameRequest(*request.resume, distilled.metadata);
  for (const Bank& bank : checkpoint.banks()) {
    distilled.banks.push_back({bank.path, {}});
    distilled.banks.back().filters.resize(static_cast<std::size_t>(bank.channels));
  }
  std::vector<int> orders = request.orders;
  if (request.order) orders.assign(ids.size(), *request.order);
  if (request.budget) orders = plannedOrders(checkpoint, request, ids, task);
  if (request.tolerance) orders.assign(ids.size(), request.maxOrder);

  std::mutex telling;
  std::vector<double> recurrenceErrors(ids.size(), 0.0);
  inParallel(ids.size(), request.threads, task, request.budget ? planShare : 0, 1, [&](std::size_t i) {
    auto& bank = distilled.banks.at(static_cast<std::size_t>(ids[i].bank));
    auto& place = bank.filters.at(static_cast<std::size_t>(ids[i].channel));
    const auto* earlier = earlierModel(request.resume.get(), bank.path, ids[i].channel);
    if (earlier && *earlier) {
      place = *earlier;
    } else {
      const auto filter = checkpoint.filter(ids[i], task);
      Fit fit = fitOne(filter, request, orders[i], task);
      const int states = fit.model.order();
      const double bound = certificate(filter->taps, states, task).error[static_cast<std::size_t>(states)];
      place = DistilledFilter{std::move(fit.model), filter->skip, fit.errorRelative, bound};
      const std::lock_guard guard(telling);
      if (request.fitted) request.fitted(ids[i], *place);
    }
    recurrenceErrors[i] = float32RecurrenceError(place->model);
  });
  if (!ids.empty()) {
    const auto worst = std::max_element(recurrenceErrors.begin(), recurrenceErrors.end());
    const FilterId id = ids[static_cast<std::size_t>(worst - recurrenceErrors.begin())];
    distilled.metadata["float32_recurrence"] =
        nlohmann::json{{"largest_error", *worst}, {"filter", checkpoint.filterName(id)}}.dump();
  }
  return distilled;
}

}  // namespace analysis
