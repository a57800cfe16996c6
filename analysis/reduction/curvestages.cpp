#include "analysis/reduction/curvestages.h"

#include <algorithm>
#include <utility>

#include "analysis/reduction/exchange.h"
#include "analysis/reduction/finish.h"
#include "analysis/reduction/greedy.h"
#include "analysis/reduction/multiscale.h"

namespace analysis {

namespace {

constexpr VarproOptions fromStart{.maxSteps = 20, .tolerance = 1e-6};
constexpr double promising = 1;  // as contend() takes it: a further start goes on when a glance shows it ahead
constexpr int mostSweeps = 8;
constexpr int fullRateSamples = 16384;  // up to here the full-rate spectra are worth their 0.1-0.3 s

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

CurveStages::CurveStages(const Target& target, const SpectralStarts& starts, CurveBuilder& curve, int startOrder,
                         const Task& task, CurveJournal& journal)
    : m_target(target),
      m_starts(starts),
      m_curve(curve),
      m_task(task),
      m_journal(journal),
      m_useful(std::min(curve.maxOrder(), starts.usefulOrder())),
      m_outwards(outwards(startOrder, m_useful)),
      m_balanced(static_cast<std::size_t>(m_useful) + 1),
      m_finished(m_balanced.size(), -1) {}

void CurveStages::balanced() {
  for (int d = 1; d <= m_useful; ++d) {
    m_task.throwIfStopped();
    PoleSet& poles = m_balanced[static_cast<std::size_t>(d)] = m_starts.balancedAt(d);
    m_curve.offer(d, m_journal.once([&] { return asIs(m_target, poles, "balanced", m_task); }));
  }
  if (!m_journal.repeating()) m_curve.publish("balanced");
}

// Nested and found in seconds: of a long filter they see what the balanced poles, which come of averages, do not.
void CurveStages::multiscale() {
  if (m_target.length() <= longSamples) return;
  m_multiscale.resize(m_balanced.size());
  for (PoleSet& poles : multiscaleStarts(m_target, m_useful, m_task)) {
    const auto d = static_cast<std::size_t>(poles.order());
    m_curve.offer(poles.order(), m_journal.once([&] { return asIs(m_target, poles, "multi-scale", m_task); }));
    m_multiscale[d] = std::move(poles);
  }
  if (!m_journal.repeating()) m_curve.publish("multi-scale");
}

Candidate CurveStages::polished(const PoleSet& poles, const std::string& name) {
  return m_journal.once([&] {
    return contend(m_target, poles, name, m_curve.best(poles.order()), promising, fromStart, m_task);
  });
}

void CurveStages::descend() {
  for (const int d : m_outwards) {
    const auto at = static_cast<std::size_t>(d);
    if (at < m_multiscale.size() && m_multiscale[at].rows() > 0) m_curve.offer(d, polished(m_multiscale[at], "multi-scale"));
    m_curve.offer(d, polished(m_balanced[at], "balanced"));
    sometimes("variable projection");
  }
}

void CurveStages::spectral(const SpectralStarts& starts, bool withBalanced) {
  for (const int d : m_outwards) {
    for (auto& [poles, name] : starts.at(d)) {
      if (withBalanced || name != "balanced") m_curve.offer(d, polished(poles, name));
    }
    sometimes("more starts");
  }
}

void CurveStages::moreStarts() {
  spectral(m_starts, false);
  if (m_heard) spectral(*m_heard, true);
  if (m_starts.factor() > 1 && m_target.length() <= fullRateSamples)
    spectral(SpectralStarts(m_target, m_useful, m_task, fullRateSamples), true);
  m_search = sharedPairSearch(m_target.length(), m_task);
  if (m_target.length() > longSamples) return;
  const auto once = [this](const auto& step) { return m_journal.once(step); };
  grow(m_target, *m_search, m_useful, m_task, once, [&](const Candidate& model) {
    m_curve.offer(model.order(), model);
    sometimes("more starts");
  });
}

// A finished model makes better offers, so the exchange gets a second chance after the finishing touches, and a wider
// one: what is near the end of the first can afford it.
void CurveStages::exchange() {
  PathExchange exchange(m_target, *m_search, m_curve, m_useful, m_journal);
  for (int chance = 0; chance < 2; ++chance) {
    if (chance > 0) exchange.widen();
    for (int round = 0; round < mostSweeps; ++round) {
      if (!exchange.sweep(m_task, [this] { sometimes("path exchange"); })) break;
    }
    for (int d = 1; d <= m_useful; ++d) {
      if (m_curve.version(d) == m_finished[static_cast<std::size_t>(d)]) continue;
      m_curve.offer(d, m_journal.once([&] { return finished(m_target, m_curve.best(d), m_task); }));
      m_finished[static_cast<std::size_t>(d)] = m_curve.version(d);
      sometimes("finishing");
    }
  }
}

// Large cancelling residues are told apart even where that costs a trace of error.
std::shared_ptr<const OrderCurve> CurveStages::finish() {
  for (int d = 1; d <= m_useful; ++d)
    m_curve.replace(d, m_journal.once([&] { return calmed(m_target, m_curve.best(d), m_task); }));
  return m_curve.publish("final", true);
}

}  // namespace analysis
