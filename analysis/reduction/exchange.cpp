#include "analysis/reduction/exchange.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "analysis/reduction/greedy.h"
#include "analysis/reduction/projection.h"

namespace analysis {

namespace {

constexpr double margin = 1e-4;  // an offer must lower the squared error by this much, relatively
constexpr VarproOptions brief{.maxSteps = 15, .tolerance = 1e-6};
// As contend() takes it. The most promising offers go to the end: an added mode can need many steps to find its place.
constexpr double promising = std::numeric_limits<double>::infinity(), promisingWide = 1.02;
constexpr double hopeless = 3;  // squared error before any step, likewise
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

// True when a model of that squared error is worth an offer, and then remembers it.
bool isNews(double squaredError, double& known) {
  if (!(squaredError < known * (1 - margin))) return false;
  known = squaredError;
  return true;
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
      m_offeredDown(m_offeredUp),
      m_bestOfUp(m_offeredUp.size(), std::numeric_limits<double>::infinity()),
      m_bestOfDown(m_bestOfUp) {}

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

bool PathExchange::offerStart(int order, const std::function<PoleSet()>& start, const Task& task) {
  return m_curve.offer(order, m_journal.once([&] {
    return contend(m_target, start(), "path exchange", m_curve.best(order), m_wide ? promisingWide : promising, brief,
                   task);
  }), margin);
}

bool PathExchange::offerUp(int order, const Task& task) {
  const auto at = static_cast<std::size_t>(order);
  if (std::exchange(m_offeredUp[at], m_curve.version(order)) == m_curve.version(order)) return false;
  const Candidate from = m_curve.best(order);
  if (from.squaredError < exactError) {  // larger orders inherit it
    return m_curve.offer(order + 1, from);
  }
  const bool news = isNews(from.squaredError, m_bestOfUp[at]);
  bool accepted = news && offerStart(order + 1, [&] { return realAdded(m_target, m_search, from); }, task);
  for (int k = from.poles.pairs; m_wide && k < from.poles.rows(); ++k)
    accepted |= offerStart(order + 1, [&] { return promoted(from.poles, k); }, task);
  if (news && order + 2 <= m_maxOrder)
    accepted |= offerStart(order + 2, [&] { return pairAdded(m_target, m_search, from, task); }, task);
  return accepted;
}

bool PathExchange::offerDown(int order, const Task& task) {
  const auto at = static_cast<std::size_t>(order);
  if (std::exchange(m_offeredDown[at], m_curve.version(order)) == m_curve.version(order)) return false;
  const Candidate from = m_curve.best(order);
  if (from.order() < order || from.squaredError < gramFloor) return false;
  const bool news = isNews(from.squaredError, m_bestOfDown[at]);
  if (!news && !m_wide) return false;
  RemovalCosts costs = removalCosts(m_target, from.poles);
  bool accepted = false;
  // The cheapest removal is always tried; of the others those that descent may make up for.
  const auto offerCheapest = [&](const std::vector<RemovalCosts::Cost>& all, int to,
                                 const std::function<PoleSet(const std::vector<int>&)>& changedBy) {
    const double allowed = hopeless * m_curve.best(to).squaredError - from.squaredError;
    for (std::size_t i = 0; i < std::min(all.size(), m_wide ? removals : 1); ++i) {
      if (i == 0 ? news : all[i].increase < allowed)
        accepted |= offerStart(to, [&] { return changedBy(all[i].rows); }, task);
    }
  };
  const auto removed = [&](const std::vector<int>& rows) { return from.poles.without(rows); };
  if (order > 2) offerCheapest(costs.groups, order - 2, removed);
  offerCheapest(costs.reals, order - 1, removed);
  std::erase_if(costs.groups, [&](const auto& cost) { return cost.rows[0] >= from.poles.pairs; });
  offerCheapest(costs.groups, order - 1, [&](const auto& rows) { return demoted(from.poles, rows[0]); });
  return accepted;
}

}  // namespace analysis
