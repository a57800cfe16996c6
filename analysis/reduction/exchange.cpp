#include "analysis/reduction/exchange.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "analysis/reduction/greedy.h"
#include "analysis/reduction/projection.h"

namespace analysis {

namespace {

constexpr double margin = 1e-4;  // an offer must lower the squared error by this much, relatively
constexpr VarproOptions glance{.maxSteps = 4, .tolerance = 1e-4};
constexpr VarproOptions brief{.maxSteps = 15, .tolerance = 1e-6};
constexpr double promising = 1.1;  // squared error after a glance over the best of the order
constexpr double hopeless = 3;     // squared error before any step, likewise
constexpr std::size_t removals = 8;  // of each kind, cheapest first

// A pair as one real pole of its decay: how an odd order can do with one state less.
PoleSet demoted(const PoleSet& poles, int pair) {
  const auto s = poles.logPoles[static_cast<std::size_t>(pair)];
  PoleSet result = poles.without(std::vector<int>{pair});
  result.addReal(s.real(), s.imag() > std::numbers::pi / 2);
  return result;
}

// A real pole as a pair near the axis: how an odd order makes use of one state more.
PoleSet promoted(const PoleSet& poles, int real) {
  const auto s = poles.logPoles[static_cast<std::size_t>(real)];
  PoleSet result = poles.without(std::vector<int>{real});
  result.addPair({s.real(), s.imag() > 1 ? std::numbers::pi + s.real() : -s.real()});
  result.clip();
  return result;
}

}  // namespace

RemovalCosts removalCosts(const Target& target, const PoleSet& poles) {
  RemovalCosts costs;
  Projection projection(target);
  if (!projection.evaluate(poles)) return costs;
  const Eigen::MatrixXd inverse = projection.inverseGram();
  const Eigen::MatrixXd& c = projection.coefficients();
  for (const auto& rows : poles.groups()) {
    const int first = rows[0];
    const int second = first < poles.pairs ? poles.rows() + first : rows.size() == 2 ? rows[1] : -1;
    if (second < 0) continue;
    Eigen::Matrix2d block;
    block << inverse(first, first), inverse(first, second), inverse(second, first), inverse(second, second);
    Eigen::Matrix2Xd both(2, c.cols());
    both << c.row(first), c.row(second);
    costs.groups.push_back({both.cwiseProduct(block.ldlt().solve(both)).sum(), rows});
  }
  for (int k = poles.pairs; k < poles.rows(); ++k) costs.reals.push_back({c.row(k).squaredNorm() / inverse(k, k), {k}});
  const auto cheaper = [](const auto& a, const auto& b) { return a.increase < b.increase; };
  std::stable_sort(costs.groups.begin(), costs.groups.end(), cheaper);
  std::stable_sort(costs.reals.begin(), costs.reals.end(), cheaper);
  return costs;
}

PathExchange::PathExchange(const Target& target, const PairSearch& search, CurveBuilder& curve, int maxOrder,
                           CurveJournal& journal)
    : m_target(target),
      m_search(search),
      m_curve(curve),
      m_journal(journal),
      m_maxOrder(maxOrder),
      m_offeredUp(static_cast<std::size_t>(maxOrder) + 1, -1),
      m_offeredDown(m_offeredUp) {}

bool PathExchange::sweep(const Task& task, const std::function<void()>& progress) {
  bool changed = false;
  for (int d = 0; d < m_maxOrder; ++d) {
    changed |= offerUp(d, task);
    progress();
  }
  for (int d = m_maxOrder; d > 1; --d) {
    changed |= offerDown(d, task);
    progress();
  }
  return changed;
}

void PathExchange::widen() {
  m_wide = true;
  m_offeredUp.assign(m_offeredUp.size(), -1);
  m_offeredDown = m_offeredUp;
}

bool PathExchange::offerStart(int order, const PoleSet& poles, const Task& task) {
  const double best = m_curve.best(order).squaredError;
  return m_curve.offer(order, m_journal.once([&] {
    Candidate candidate = polish(m_target, poles, "path exchange", glance, task);
    if (candidate.squaredError > promising * best) return candidate;
    return polish(m_target, candidate.poles, "path exchange", brief, task);
  }), margin);
}

bool PathExchange::offerUp(int order, const Task& task) {
  if (std::exchange(m_offeredUp[static_cast<std::size_t>(order)], m_curve.version(order)) == m_curve.version(order))
    return false;
  const Candidate from = m_curve.best(order);
  if (from.squaredError < exactError) {  // larger orders inherit it
    return m_curve.offer(order + 1, from);
  }
  bool changed = m_curve.offer(
      order + 1, m_journal.once([&] { return withReal(m_target, m_search, from, "path exchange", task); }), margin);
  for (int k = from.poles.pairs; m_wide && k < from.poles.rows(); ++k)
    changed |= offerStart(order + 1, promoted(from.poles, k), task);
  if (order + 2 <= m_maxOrder)
    changed |= m_curve.offer(
        order + 2, m_journal.once([&] { return withPair(m_target, m_search, from, "path exchange", task); }), margin);
  return changed;
}

bool PathExchange::offerDown(int order, const Task& task) {
  if (std::exchange(m_offeredDown[static_cast<std::size_t>(order)], m_curve.version(order)) == m_curve.version(order))
    return false;
  const PoleSet from = m_curve.best(order).poles;
  if (from.order() < order || m_curve.best(order).squaredError < gramFloor) return false;
  RemovalCosts costs = removalCosts(m_target, from);
  bool changed = false;
  // The cheapest removal is always tried; of the others those that descent may make up for.
  const auto tried = [&](const std::vector<RemovalCosts::Cost>& all, int to) {
    const std::size_t count = m_wide ? removals : 1;
    const double most = hopeless * m_curve.best(to).squaredError - m_curve.best(order).squaredError;
    std::vector<RemovalCosts::Cost> chosen;
    for (const auto& cost : all) {
      if (chosen.empty() || (chosen.size() < count && cost.increase < most)) chosen.push_back(cost);
    }
    return chosen;
  };
  if (order > 2) {
    for (const auto& cost : tried(costs.groups, order - 2))
      changed |= offerStart(order - 2, from.without(cost.rows), task);
  }
  for (const auto& cost : tried(costs.reals, order - 1)) changed |= offerStart(order - 1, from.without(cost.rows), task);
  std::erase_if(costs.groups, [&](const auto& cost) { return cost.rows[0] >= from.pairs; });
  for (const auto& cost : tried(costs.groups, order - 1))
    changed |= offerStart(order - 1, demoted(from, cost.rows[0]), task);
  return changed;
}

}  // namespace analysis
