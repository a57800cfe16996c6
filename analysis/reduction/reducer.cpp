#include "analysis/reduction/reducer.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "analysis/error.h"
#include "analysis/reduction/candidate.h"
#include "analysis/reduction/curvebuilder.h"
#include "analysis/reduction/residues.h"
#include "analysis/reduction/starts.h"

namespace analysis {

namespace {

constexpr int largestMaxOrder = 1024;
constexpr VarproOptions interactive{.maxSteps = 40, .tolerance = 1e-5};

// startOrder, then outwards.
std::vector<int> outwards(int startOrder, int maxOrder) {
  std::vector<int> orders;
  startOrder = std::clamp(startOrder, 1, std::max(maxOrder, 1));
  for (int distance = 0; distance < maxOrder; ++distance) {
    if (startOrder + distance <= maxOrder) orders.push_back(startOrder + distance);
    if (distance > 0 && startOrder - distance >= 1) orders.push_back(startOrder - distance);
  }
  return orders;
}

}  // namespace

struct Reducer::Workspace {
  Target target;
  int maxOrder;
  SpectralStart balanced;
  std::vector<double> sigma;

  // No model needs more states than the window has samples, or than the spectrum can tell apart.
  int usefulOrder(int order) const { return std::min(order, balanced.maxOrder()); }
  // Offers the balanced model of every useful order; returns their poles, index = order.
  std::vector<PoleSet> offerBalanced(CurveBuilder&, const Task&) const;
};

std::vector<PoleSet> Reducer::Workspace::offerBalanced(CurveBuilder& builder, const Task& task) const {
  std::vector<PoleSet> starts(static_cast<std::size_t>(usefulOrder(maxOrder)) + 1);
  for (std::size_t d = 1; d < starts.size(); ++d) {
    task.throwIfStopped();
    starts[d] = balanced.poles(static_cast<int>(d));
    builder.offer(static_cast<int>(d), asIs(target, starts[d], "balanced"));
  }
  return starts;
}

Reducer::Reducer(std::shared_ptr<const Filter> filter, int maxOrder, const Task& task) : m_filter(std::move(filter)) {
  if (maxOrder < 1 || maxOrder > largestMaxOrder) {
    throw Error(ErrorKind::input, m_filter->name, "a largest order of " + std::to_string(maxOrder) + " was asked for",
                "choose one from 1 to " + std::to_string(largestMaxOrder));
  }
  Target target(m_filter->taps, m_filter->name);
  auto balanced = SpectralStart::balanced(target, maxOrder, task);
  std::vector<double> sigma = balanced.sigma();
  for (double& value : sigma) value *= target.norm();
  m_workspace =
      std::make_shared<const Workspace>(Workspace{std::move(target), maxOrder, std::move(balanced), std::move(sigma)});
}

int Reducer::maxOrder() const {
  return m_workspace->maxOrder;
}

const std::vector<double>& Reducer::sigma() const {
  return m_workspace->sigma;
}

Fit Reducer::fit(int order, const Task& task) const {
  const Workspace& work = *m_workspace;
  if (order < 0 || order > work.maxOrder) {
    throw Error(ErrorKind::input, m_filter->name, "order " + std::to_string(order) + " was asked for",
                "choose one from 0 to " + std::to_string(work.maxOrder));
  }
  const PoleSet start = work.balanced.poles(work.usefulOrder(order));
  const Candidate candidate = polish(work.target, start, "balanced + variable projection", interactive, task);
  const Residues residues = fitResidues(work.target, candidate.poles);
  return makeFit(work.target, candidate.poles, residues.coefficients, residues.squaredError,
                 order == 0 ? "feedthrough" : candidate.source);
}

std::shared_ptr<const OrderCurve> Reducer::balancedCurve(const Task& task) const {
  CurveBuilder builder(m_workspace->target, m_workspace->maxOrder, m_workspace->sigma, {});
  m_workspace->offerBalanced(builder, task);
  return builder.publish("balanced");
}

std::shared_ptr<const OrderCurve> Reducer::curve(
    int startOrder, const Task& task, const std::function<void(std::shared_ptr<const OrderCurve>)>& publish) const {
  const Workspace& work = *m_workspace;
  CurveBuilder builder(work.target, work.maxOrder, work.sigma, publish);
  const auto starts = work.offerBalanced(builder, task);
  builder.publish("balanced");
  for (const int d : outwards(startOrder, static_cast<int>(starts.size()) - 1)) {
    builder.offer(d, polish(work.target, starts[static_cast<std::size_t>(d)], "balanced + variable projection",
                            interactive, task));
    builder.publishSometimes("variable projection");
  }
  return builder.publish("variable projection", true);
}

int OrderCurve::orderWithin(double tolerance) const {
  const auto found =
      std::find_if(fits.begin(), fits.end(), [tolerance](const auto& fit) { return fit->errorRelative <= tolerance; });
  return found == fits.end() ? -1 : static_cast<int>(found - fits.begin());
}

std::vector<int> OrderCurve::suggestedOrders(int count) const {
  const auto drop = [this](int d) {
    const double above = fits[static_cast<std::size_t>(d - 2)]->errorRelative;
    return std::log(std::max(above, 1e-16) / std::max(fits[static_cast<std::size_t>(d)]->errorRelative, 1e-16));
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
