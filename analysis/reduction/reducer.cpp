#include "analysis/reduction/reducer.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "analysis/error.h"
#include "analysis/reduction/candidate.h"
#include "analysis/reduction/curvebuilder.h"
#include "analysis/reduction/curvejournal.h"
#include "analysis/reduction/curvestages.h"
#include "analysis/reduction/finish.h"
#include "analysis/reduction/greedy.h"
#include "analysis/reduction/multiscale.h"
#include "analysis/reduction/residues.h"
#include "analysis/reduction/starts.h"

namespace analysis {

namespace {

constexpr int largestMaxOrder = 1024;
constexpr VarproOptions race{.maxSteps = 5, .tolerance = 1e-4};
constexpr VarproOptions interactive{.maxSteps = 40, .tolerance = 1e-5};
constexpr VarproOptions thorough{.maxSteps = 40, .tolerance = 1e-6};
constexpr int swapRounds = 4;
constexpr double blindShare = 0.02;  // of the energy that box-averaging may lose before starts from it are not enough

void keepBetter(Candidate& best, Candidate next) {
  if (next.squaredError < best.squaredError) best = std::move(next);
}

}  // namespace

struct Reducer::Workspace {
  Target target;
  int maxOrder;
  SpectralStarts starts;
  std::optional<SpectralStarts> heard;  // of the sequence as the input weight lets it through: the same poles
  std::vector<double> sigma;

  bool isLong() const { return target.length() > longSamples; }
  Candidate empty() const { return asIs(target, {}, "feedthrough"); }

  std::vector<SpectralStarts::Named> startsAt(int order) const {
    auto all = starts.at(order);
    if (heard) {
      for (auto& start : heard->at(order)) all.push_back(std::move(start));
    }
    return all;
  }

  // A few steps from every spectral start, the best goes on to the end. Where averaging lost much of the filter, the
  // multi-scale start races, too.
  Candidate raced(int order, const Task& task) const {
    Candidate best = empty();
    for (const auto& [poles, name] : startsAt(order)) keepBetter(best, polish(target, poles, name, race, task));
    if (starts.energyLost() > blindShare) {
      const auto nested = multiscaleStarts(target, order, task);
      if (!nested.empty()) keepBetter(best, polish(target, nested.back(), "multi-scale", race, task));
    }
    return calmed(target, polish(target, best.poles, best.source, interactive, task), task);
  }

  // Every start to the end.
  Candidate standard(int order, const Task& task) const {
    const auto search = sharedPairSearch(target.length(), task);
    Candidate best = empty();
    for (const auto& [poles, name] : startsAt(order)) keepBetter(best, polish(target, poles, name, thorough, task));
    if (best.squaredError < gramFloor) return calmed(target, std::move(best), task);
    if (isLong() || starts.energyLost() > blindShare) keepBetter(best, multiscale(order, *search, task));
    if (!isLong()) {
      const Candidate grown = grow(target, *search, order, task);
      keepBetter(best, polish(target, grown.poles, grown.source, thorough, task));
    }
    return calmed(target, finished(target, best, task), task);
  }

  // The multi-scale start of that order, filled up by greedy additions where the pool was too small.
  Candidate multiscale(int order, const PairSearch& search, const Task& task) const {
    const auto nested = multiscaleStarts(target, order, task);
    Candidate model = nested.empty() ? empty() : polish(target, nested.back(), "multi-scale", thorough, task);
    while (model.order() + 2 <= order) model = withPair(target, search, model, "multi-scale", task);
    if (model.order() < order) model = withReal(target, search, model, "multi-scale", task);
    return model;
  }

  // Whether the multi-scale, the balanced or the best spectral start wins cannot be told before the swaps.
  Candidate longFull(int order, const Task& task) const {
    const auto search = sharedPairSearch(target.length(), task);
    Candidate best = swapped(target, *search, multiscale(order, *search, task), swapRounds, task);
    Candidate spectral = empty();
    for (const auto& [poles, name] : startsAt(order)) {
      Candidate start = polish(target, poles, name, thorough, task);
      if (name == "balanced") keepBetter(best, swapped(target, *search, start, swapRounds, task));
      keepBetter(spectral, std::move(start));
    }
    if (spectral.source != "balanced")
      keepBetter(best, swapped(target, *search, std::move(spectral), swapRounds, task));
    return calmed(target, finished(target, best, task), task);
  }
};

Reducer::Reducer(std::shared_ptr<const Filter> filter, int maxOrder, const Task& task,
                 const std::optional<InputWeight>& weight)
    : m_filter(std::move(filter)) {
  if (maxOrder < 1 || maxOrder > largestMaxOrder) {
    throw Error(ErrorKind::input, m_filter->name, "a largest order of " + std::to_string(maxOrder) + " was asked for",
                "choose one from 1 to " + std::to_string(largestMaxOrder));
  }
  Target target = weight ? Target(m_filter->taps, *weight, m_filter->name) : Target(m_filter->taps, m_filter->name);
  SpectralStarts starts(target, maxOrder, task);
  std::optional<SpectralStarts> heard;
  if (weight && !target.isZero()) heard.emplace(Target(Eigen::MatrixXd(target.correlated().all())), maxOrder, task);
  std::vector<double> sigma = starts.sigma();
  for (double& value : sigma) value *= target.norm();
  m_workspace =
      std::make_shared<const Workspace>(
          Workspace{std::move(target), maxOrder, std::move(starts), std::move(heard), std::move(sigma)});
}

int Reducer::maxOrder() const {
  return m_workspace->maxOrder;
}

const std::vector<double>& Reducer::sigma() const {
  return m_workspace->sigma;
}

Fit Reducer::fit(int order, const Task& task, Effort effort) const {
  const Workspace& work = *m_workspace;
  if (order < 0 || order > work.maxOrder) {
    throw Error(ErrorKind::input, m_filter->name, "order " + std::to_string(order) + " was asked for",
                "choose one from 0 to " + std::to_string(work.maxOrder));
  }
  task.throwIfStopped();
  if (effort == Effort::full && !work.isLong()) return *curve(order, task)->fits[static_cast<std::size_t>(order)];
  const int useful = std::min(order, work.starts.usefulOrder());
  const Candidate candidate = effort == Effort::quick      ? work.raced(useful, task)
                              : effort == Effort::standard ? work.standard(useful, task)
                                                           : work.longFull(useful, task);
  const Residues residues = fitResidues(work.target, candidate.poles, task);
  return makeFit(work.target, candidate.poles, residues, candidate.source);
}

std::shared_ptr<const OrderCurve> Reducer::spectralCurve(const Task& task) const {
  const Workspace& work = *m_workspace;
  CurveBuilder builder(work.target, work.maxOrder, work.sigma, {}, task);
  for (int d = 1; d <= work.starts.usefulOrder(); ++d) {
    task.throwIfStopped();
    for (auto& [poles, name] : work.starts.at(d)) builder.offer(d, asIs(work.target, poles, name, task));
  }
  return builder.publish("spectral starts");
}

std::shared_ptr<const OrderCurve> Reducer::curve(
    int startOrder, const Task& task, const std::function<void(std::shared_ptr<const OrderCurve>)>& publish,
    CurveJournal* journal) const {
  const Workspace& work = *m_workspace;
  CurveBuilder builder(work.target, work.maxOrder, work.sigma, publish, task);
  CurveJournal own;
  CurveJournal& record = journal ? *journal : own;
  CurveStages stages(work.target, work.starts, builder, record.rewind(startOrder), task, record);
  if (work.heard) stages.hear(*work.heard);
  stages.balanced();
  stages.multiscale();
  stages.descend();
  stages.moreStarts();
  stages.exchange();
  return stages.finish();
}

int OrderCurve::orderWithin(double tolerance) const {
  const auto found =
      std::find_if(fits.begin(), fits.end(), [tolerance](const auto& fit) { return fit->errorSought() <= tolerance; });
  return found == fits.end() ? -1 : static_cast<int>(found - fits.begin());
}

std::vector<int> OrderCurve::suggestedOrders(int count) const {
  const auto drop = [this](int d) {
    const double above = fits[static_cast<std::size_t>(d - 2)]->errorSought();
    return std::log(std::max(above, 1e-16) / std::max(fits[static_cast<std::size_t>(d)]->errorSought(), 1e-16));
  };
  std::vector<int> orders;
  for (int d = 2; d <= maxOrder(); ++d) {
    if (drop(d) > 0.01) orders.push_back(d);
  }
  std::stable_sort(orders.begin(), orders.end(), [&](int a, int b) { return drop(a) > drop(b); });
  std::vector<int> chosen;
  for (const int d : orders) {
    // A drop is seen at d and again at d + 1, which also looks two orders back.
    const auto near = [d](int other) { return std::abs(other - d) < 2; };
    if (static_cast<int>(chosen.size()) < count && std::none_of(chosen.begin(), chosen.end(), near))
      chosen.push_back(d);
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace analysis
