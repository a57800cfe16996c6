#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "analysis/error.h"
#include "analysis/reduction/distilled.h"
#include "analysis/reduction/reducer.h"
#include "analysis/response/bounds.h"

namespace analysis {

namespace {

constexpr int misses = 2;  // orders in a row above the tolerance before a search downwards ends

std::vector<FilterId> allFilters(const Checkpoint& checkpoint) {
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
  if (request.order.has_value() + request.tolerance.has_value() + !request.orders.empty() != 1) {
    refuse("not exactly one of order, orders and tolerance was given", "say how many states to keep in one way");
  }
  if (!request.orders.empty() && request.orders.size() != filters) {
    refuse(std::to_string(request.orders.size()) + " orders were given for " + std::to_string(filters) + " filters",
           "give one for each");
  }
  if (request.order && *request.order < 1) refuse("an order below 1 was asked for", "keep at least one state");
  for (const int order : request.orders)
    if (order < 1) refuse("an order below 1 was asked for", "keep at least one state");
  if (request.tolerance && !(*request.tolerance > 0)) refuse("the tolerance is not positive", "give one such as 0.05");
}

// The smallest order within the tolerance. The curve of balanced models with refitted residues is cheap and gives an
// order from above; descent from there ends when it no longer helps.
Fit withinTolerance(const Reducer& reducer, double tolerance, const Task& task) {
  const auto curve = reducer.spectralCurve(task);
  const int above = curve->orderWithin(tolerance);
  int order = above < 0 ? reducer.maxOrder() : above;
  Fit best = reducer.fit(order, task);
  if (above >= 0 && curve->fits[static_cast<std::size_t>(above)]->errorRelative < best.errorRelative)
    best = *curve->fits[static_cast<std::size_t>(above)];
  if (best.errorRelative > tolerance) return best;
  for (int missed = 0; missed < misses && order > 0;) {
    Fit fit = reducer.fit(--order, task);
    if (fit.errorRelative <= tolerance) {
      best = std::move(fit);
      missed = 0;
    } else {
      ++missed;
    }
  }
  return best;
}

DistilledFilter distilOne(const Checkpoint& checkpoint, const DistilRequest& request, FilterId id, std::size_t index,
                          const Task& task) {
  const auto filter = checkpoint.filter(id, task);
  const int order = request.order ? *request.order : request.orders.empty() ? request.maxOrder : request.orders[index];
  const Reducer reducer(filter, order, task);
  Fit fit = request.tolerance ? withinTolerance(reducer, *request.tolerance, task) : reducer.fit(order, task);
  const int states = fit.model.order();
  const double bound = certificate(filter->taps, states, task).error[static_cast<std::size_t>(states)];
  return {std::move(fit.model), filter->skip, fit.errorRelative, bound};
}

nlohmann::json planOf(const DistilRequest& request, const Checkpoint& checkpoint, const std::vector<FilterId>& ids) {
  nlohmann::json plan;
  if (request.order) plan["order"] = *request.order;
  if (request.tolerance) plan = {{"tolerance", *request.tolerance}, {"max_order", request.maxOrder}};
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

// Runs work(0..count-1) on several threads; results must go to places of their own. The failure of the smallest index
// is rethrown, so that it does not depend on the threads either.
template <typename Work>
void inParallel(std::size_t count, int threads, const Task& task, Work work) {
  if (threads <= 0) threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::atomic<std::size_t> next = 0, failedIndex = count;
  std::mutex lock;
  std::exception_ptr failure;
  std::size_t finished = 0;
  const auto run = [&] {
    for (std::size_t i = next++; i < count && i < failedIndex; i = next++) {
      try {
        task.throwIfStopped();
        work(i);
        const std::lock_guard guard(lock);
        ++finished;
        task.report(static_cast<double>(finished) / static_cast<double>(count), "distilling");
      } catch (...) {
        const std::lock_guard guard(lock);
        if (i < failedIndex) {
          failedIndex = i;
          failure = std::current_exception();
        }
      }
    }
  };
  {
    std::vector<std::jthread> crew;
    for (int t = 1; t < std::min<int>(threads, static_cast<int>(std::min<std::size_t>(count, 4096))); ++t)
      crew.emplace_back(run);
    run();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

Distilled distil(const Checkpoint& checkpoint, const DistilRequest& request, const Task& task) {
  const auto ids = request.filters.empty() ? allFilters(checkpoint) : request.filters;
  requireSensible(request, ids.size());
  Distilled distilled;
  for (const Bank& bank : checkpoint.banks()) {
    distilled.banks.push_back({bank.path, {}});
    distilled.banks.back().filters.resize(static_cast<std::size_t>(bank.channels));
  }
  inParallel(ids.size(), request.threads, task, [&](std::size_t i) {
    auto& bank = distilled.banks.at(static_cast<std::size_t>(ids[i].bank));
    bank.filters.at(static_cast<std::size_t>(ids[i].channel)) = distilOne(checkpoint, request, ids[i], i, task);
  });
  distilled.metadata = {{"source_file", checkpoint.tensors().path().filename().string()},
                        {"source_sha256", checkpoint.sha256(task)},
                        {"family", checkpoint.report().family},
                        {"length", lengthsOf(checkpoint)},
                        {"method", "variable projection"},
                        {"plan", planOf(request, checkpoint, ids).dump()}};
  return distilled;
}

}  // namespace analysis
