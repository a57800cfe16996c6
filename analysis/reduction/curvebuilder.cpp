#include "analysis/reduction/curvebuilder.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "analysis/reduction/multiscale.h"
#include "analysis/reduction/residues.h"

namespace analysis {

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

CurveBuilder::CurveBuilder(const Target& target, int maxOrder, std::vector<double> sigma, Publish publish,
                           const Task& task)
    : m_target(target),
      m_best(static_cast<std::size_t>(maxOrder) + 1, {{}, {}, target.isZero() ? 0.0 : 1.0, "feedthrough"}),
      m_versions(m_best.size(), 0),
      m_shownVersions(m_best.size(), -1),
      m_shown(m_best.size()),
      m_sigma(std::move(sigma)),
      m_publish(std::move(publish)),
      m_task(task),
      m_exactSnapshots(target.length() <= longSamples || !target.lags().empty()) {}

bool CurveBuilder::offer(int order, Candidate candidate, double margin) {
  if (!(candidate.squaredError < best(order).squaredError * (1 - margin))) return false;
  replace(order, std::move(candidate));
  return true;
}

void CurveBuilder::replace(int order, Candidate candidate) {
  m_best[static_cast<std::size_t>(order)] = std::move(candidate);
  ++m_versions[static_cast<std::size_t>(order)];
}

Fit CurveBuilder::exact(const Candidate& candidate) const {
  return makeFit(m_target, candidate.poles, fitResidues(m_target, candidate.poles, m_task), candidate.source);
}

Fit CurveBuilder::closedForm(const Candidate& candidate) const {
  if (candidate.poles.rows() == 0) return exact(candidate);
  return makeFit(m_target, candidate.poles, candidate.coefficients, candidate.squaredError, candidate.source);
}

std::shared_ptr<const OrderCurve> CurveBuilder::publish(std::string stage, bool final) {
  const double begun = now();
  for (std::size_t d = 0; d < m_best.size(); ++d) {
    if (final || m_shownVersions[d] != m_versions[d]) {
      Fit fit = final || m_exactSnapshots ? exact(m_best[d]) : closedForm(m_best[d]);
      if (final || !m_shown[d] || fit.errorSought() < m_shown[d]->errorSought())
        m_shown[d] = std::make_shared<const Fit>(std::move(fit));
      m_shownVersions[d] = m_versions[d];
    }
    if (d > 0 && m_shown[d - 1]->errorSought() <= m_shown[d]->errorSought()) m_shown[d] = m_shown[d - 1];
  }
  auto curve = std::make_shared<const OrderCurve>(OrderCurve{m_shown, m_sigma, std::move(stage), final});
  if (m_publish) m_publish(curve);
  m_lastPublished = now();
  m_publishSeconds = m_lastPublished - begun;
  return curve;
}

void CurveBuilder::publishSometimes(const std::string& stage) {
  if (m_publish && now() - m_lastPublished > std::max(0.05, 10 * m_publishSeconds)) publish(stage);
}

}  // namespace analysis
