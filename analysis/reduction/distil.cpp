#include <algorithm>
#include <cmath>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "analysis/error.h"
#include "analysis/reduction/distilled.h"
#include "analysis/reduction/joint.h"
#include "analysis/reduction/methods/method.h"
#include "analysis/reduction/parallel.h"
#include "analysis/reduction/plan.h"
#include "analysis/reduction/recurrence.h"
#include "analysis/reduction/sharing.h"
#include "analysis/response/bounds.h"

namespace analysis {

namespace {

constexpr int misses = 2;          // orders in a row above the tolerance before a search downwards ends
constexpr int roomAbove = 8;       // further orders that a path exchange needs to serve its last ones well
constexpr double planShare = 0.3;  // of the progress, when the orders have to be found first

std::string nameOf(const DistilRequest& request) {
  if (!request.method.empty()) return request.method;
  switch (request.effort) {
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
  if (!request.method.empty()) methodNamed(request.method);
  if (request.weight && !request.method.empty()) {
    refuse("only the house's own fit can be weighted", "leave the method or the weight away");
  }
  if (request.filtersPerPoleSet < 0) refuse("a negative number of filters shares poles", "give 2 or more");
  if (request.filtersPerPoleSet > 0 &&
      ((!request.order && request.orders.empty()) || !request.method.empty() || request.weight)) {
    refuse("poles are shared by the house's own fit of given orders alone",
           "give an order or orders, and neither a method nor a weight");
  }
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

Fit byMethod(const Filter& filter, const DistilRequest& request, int order, const Task& task) {
  const Method& method = methodNamed(request.method);
  Fit fit;
  try {
    int d = request.tolerance ? 1 : order;
    do fit = fitWith(method, filter.taps, d, task);
    while (request.tolerance && fit.errorRelative > *request.tolerance && ++d <= request.maxOrder);
  } catch (const Error& error) {
    throw Error(error.kind(), "Filter " + filter.name, error.what(), "leave the filter out or choose another method");
  }
  return fit;
}

Fit fitOne(const std::shared_ptr<const Filter>& filter, const DistilRequest& request, int order, const Task& task) {
  if (!request.method.empty()) return byMethod(*filter, request, order, task);
  const auto weight = request.weight ? std::optional(request.weight(filter->id)) : std::nullopt;
  if (request.tolerance)
    return withinTolerance(Reducer(filter, request.maxOrder, task, weight), *request.tolerance, request.effort, task);
  const int room = request.effort == Effort::full ? roomAbove : 0;
  return Reducer(filter, std::max(order, 1) + room, task, weight).fit(order, task, request.effort);
}

// Filters that are fitted together: runs of neighbours of one bank, or each alone.
std::vector<std::vector<std::size_t>> unitsOf(const std::vector<FilterId>& ids, int filtersPerPoleSet) {
  std::vector<std::vector<std::size_t>> units;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto sameSet = [&](const FilterId& other) {
      return other.bank == ids[i].bank && other.channel / filtersPerPoleSet == ids[i].channel / filtersPerPoleSet;
    };
    const auto found = filtersPerPoleSet == 0 ? units.end()
                                              : std::find_if(units.begin(), units.end(), [&](const auto& unit) {
                                                  return sameSet(ids[unit.front()]);
                                                });
    if (found == units.end()) {
      units.push_back({i});
    } else {
      found->push_back(i);
    }
  }
  return units;
}

// The order of common poles: the largest that a filter of the set was given.
int orderOf(const std::vector<std::size_t>& unit, const std::vector<int>& orders) {
  int largest = 0;
  for (const std::size_t i : unit) largest = std::max(largest, orders[i]);
  return largest;
}

// `ratios`: error over that of a separate fit of the same effort and the asked order, one per filter.
Sharing sharingOf(const std::vector<double>& ratios, const std::vector<std::vector<std::size_t>>& units,
                  const std::vector<int>& orders) {
  Sharing sharing;
  sharing.poleSets = static_cast<int>(units.size());
  double logs = 0;
  sharing.largestErrorRatio = 0;
  for (const double ratio : ratios) {
    logs += std::log(ratio);
    sharing.largestErrorRatio = std::max(sharing.largestErrorRatio, ratio);
  }
  sharing.errorRatio = std::exp(logs / static_cast<double>(ratios.size()));
  for (const auto& unit : units) {
    const int count = static_cast<int>(unit.size());
    sharing.storedNumbers += storedNumbers(orderOf(unit, orders), count, count);
  }
  for (const int order : orders) sharing.storedNumbersSeparate += storedNumbers(order, 1);
  return sharing;
}

std::vector<Fit> fitUnit(const Checkpoint& checkpoint, const DistilRequest& request, const std::vector<FilterId>& ids,
                         const std::vector<std::size_t>& unit, const std::vector<int>& orders, const Task& task) {
  std::vector<std::shared_ptr<const Filter>> filters;
  filters.reserve(unit.size());
  for (const std::size_t i : unit) filters.push_back(checkpoint.filter(ids[i], task));
  if (request.filtersPerPoleSet == 0) return {fitOne(filters[0], request, orders[unit[0]], task)};
  return fitTogether(filters, orderOf(unit, orders), request.effort, task).fits;
}

void requireRunsInFloat32(double error, double fitError, const std::string& filter) {
  const double allowed = std::max(largestFloat32Error, 0.1 * fitError);
  if (error <= allowed) return;
  std::ostringstream problem;
  problem << "its recurrence in float32 is off by " << error << " (relative RMS, at most " << allowed
          << "): its modes cancel each other";
  throw Error(ErrorKind::numerical, "Filter " + filter, problem.str(), "choose fewer states or another method");
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
  if (request.filtersPerPoleSet > 0) plan["filters_per_pole_set"] = request.filtersPerPoleSet;
  if (request.weight) plan["input_weight"] = request.weightName;
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
          {"method", nameOf(request)},
          {"certificate", "finite window: no recurrence of the order has a smaller relative l2 error on the window"},
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
  const auto units = unitsOf(ids, request.filtersPerPoleSet);
  std::vector<double> ratios(ids.size(), 1.0);
  inParallel(units.size(), request.threads, task, request.budget ? planShare : 0, 1, [&](std::size_t u) {
    const auto& unit = units[u];
    const auto bankOf = [&](std::size_t i) -> DistilledBank& {
      return distilled.banks.at(static_cast<std::size_t>(ids[i].bank));
    };
    bool complete = true;  // a set of poles is taken over as a whole or fitted again
    for (const std::size_t i : unit) {
      const auto* earlier = earlierModel(request.resume.get(), bankOf(i).path, ids[i].channel);
      auto& place = bankOf(i).filters.at(static_cast<std::size_t>(ids[i].channel));
      if (earlier && *earlier) place = *earlier;
      complete = complete && place.has_value();
    }
    if (!complete) {
      std::vector<Fit> fits = fitUnit(checkpoint, request, ids, unit, orders, task);
      for (std::size_t k = 0; k < unit.size(); ++k) {
        const std::size_t i = unit[k];
        const auto filter = checkpoint.filter(ids[i], task);
        const int states = fits[k].model.order();
        const double bound = certificate(filter->taps, states, task).error[static_cast<std::size_t>(states)];
        recurrenceErrors[i] = float32RecurrenceError(fits[k].model);
        requireRunsInFloat32(recurrenceErrors[i], fits[k].errorRelative, filter->name);
        const int set = request.filtersPerPoleSet > 0 ? ids[i].channel / request.filtersPerPoleSet : -1;
        auto& place = bankOf(i).filters.at(static_cast<std::size_t>(ids[i].channel));
        place = DistilledFilter{std::move(fits[k].model), filter->skip, fits[k].errorRelative, bound, set};
        const std::lock_guard guard(telling);
        if (request.fitted) request.fitted(ids[i], *place);
      }
    } else {
      for (const std::size_t i : unit) {
        const auto& known = *bankOf(i).filters[static_cast<std::size_t>(ids[i].channel)];
        recurrenceErrors[i] = float32RecurrenceError(known.model);
        requireRunsInFloat32(recurrenceErrors[i], known.errorRelative, checkpoint.filterName(ids[i]));
      }
    }
    if (request.filtersPerPoleSet == 0) return;
    for (const std::size_t i : unit) {
      const auto& place = bankOf(i).filters[static_cast<std::size_t>(ids[i].channel)];
      const Fit own = fitOne(checkpoint.filter(ids[i], task), request, orders[i], task);
      ratios[i] = own.errorRelative > 1e-9 ? place->errorRelative / own.errorRelative : 1 + place->errorRelative;
    }
  });
  if (request.filtersPerPoleSet > 0 && !ids.empty())
    distilled.metadata["sharing"] = sharingOf(ratios, units, orders).toJson();
  if (!ids.empty()) {
    const auto worst = std::max_element(recurrenceErrors.begin(), recurrenceErrors.end());
    const FilterId id = ids[static_cast<std::size_t>(worst - recurrenceErrors.begin())];
    distilled.metadata["float32_recurrence"] =
        nlohmann::json{{"largest_error", *worst}, {"filter", checkpoint.filterName(id)}}.dump();
  }
  return distilled;
}

Distilled distilKeeping(const Checkpoint& checkpoint, DistilRequest request, Distilled& kept, const Task& task) {
  if (!kept.banks.empty()) request.resume = std::make_shared<const Distilled>(kept);
  request.fitted = [&, tell = request.fitted](FilterId id, const DistilledFilter& filter) {
    if (kept.banks.empty()) {
      kept.metadata = distilMetadata(checkpoint, request, task);
      for (const Bank& bank : checkpoint.banks())
        kept.banks.push_back(
            {bank.path, std::vector<std::optional<DistilledFilter>>(static_cast<std::size_t>(bank.channels))});
    }
    kept.banks.at(static_cast<std::size_t>(id.bank)).filters.at(static_cast<std::size_t>(id.channel)) = filter;
    if (tell) tell(id, filter);
  };
  return distil(checkpoint, request, task);
}

}  // namespace analysis
