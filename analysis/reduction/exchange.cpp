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
constexpr VarproOptions brief{.maxSteps = 15, .tolerance = 1e-6};

// A pair as one real pole of its decay: how an odd order can do with one state less.
PoleSet demoted(const PoleSet& poles, int pair) {
  const auto s = poles.logPoles[static_cast<std::size_t>(pair)];
  PoleSet result = poles.without(std::vector<int>{pair});
  result.addReal(s.real(), s.imag() > std::numbers::pi / 2);
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

bool PathExchange::offerUp(int order, const Task& task) {
  if (std::exchange(m_offeredUp[static_cast<std::size_t>(order)], m_curve.version(order)) == m_curve.version(order))
    return false;
  const Candidate from = m_curve.best(order);
  if (from.squaredError < exactError) {  // larger orders inherit it
    return m_curve.offer(order + 1, from);
  }
  bool changed = m_curve.offer(
      order + 1, m_journal.once([&] { return withReal(m_target, m_search, from, "path exchange", task); }), margin);
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
  const RemovalCosts costs = removalCosts(m_target, from);
  bool changed = false;
  const auto offer = [&](int to, const PoleSet& poles) {
    changed |= m_curve.offer(
        to, m_journal.once([&] { return polish(m_target, poles, "path exchange", brief, task); }), margin);
  };
  if (order > 2 && !costs.groups.empty()) offer(order - 2, from.without(costs.groups[0].rows));
  if (!costs.reals.empty()) offer(order - 1, from.without(costs.reals[0].rows));
  const auto cheapestPair = std::find_if(costs.groups.begin(), costs.groups.end(),
                                         [&](const auto& cost) { return cost.rows[0] < from.pairs; });
  if (cheapestPair != costs.groups.end()) offer(order - 1, demoted(from, cheapestPair->rows[0]));
  return changed;
}

}  // namespace analysis
