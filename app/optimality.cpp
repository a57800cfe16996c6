#include "app/optimality.h"

#include "app/format.h"

namespace app {

Optimality::Optimality(Analyst& analyst, Jobs& jobs, QObject* parent)
    : QObject(parent), m_analyst(analyst), m_jobs(jobs) {
  connect(&analyst, &Analyst::fitted, this, &Optimality::refresh);
  connect(&analyst, &Analyst::analysed, this, &Optimality::refresh);
}

QString Optimality::words() const {
  if (!m_result) return {};
  if (m_result->probablyGlobal()) return tr("probably global");
  if (m_result->improved) return tr("%1 is possible").arg(percent(m_result->best.errorRelative));
  return {};
}

void Optimality::setHeld(bool held) {
  if (held == m_held) return;
  m_held = held;
  if (!held) return refresh();
  m_jobs.cancel(QStringLiteral("global"));
  if (!m_result) m_checked = nullptr;
}

void Optimality::refresh() {
  const auto known = m_analyst.current();
  const auto shown = m_analyst.fit();
  const bool checkable = known && shown && shown->filter == known->filter && known->curve && known->curve->final &&
                         shown->order >= 1 && shown->order <= analysis::largestCheckedOrder &&
                         shown->fit->model.order() == shown->order;
  const auto fit = checkable ? shown->fit : nullptr;
  if (fit == m_checked) return;
  m_checked = m_held ? nullptr : fit;
  m_jobs.cancel(QStringLiteral("global"));
  if (m_result) {
    m_result.reset();
    Q_EMIT changed();
  }
  if (!m_checked) return;
  m_jobs.start(QStringLiteral("global"), tr("Trying random starts at order %1").arg(shown->order),
               Jobs::Priority::batch,
               [this, fit, filter = known->filter](const analysis::Task& task, const Jobs::Post& post) {
                 auto result = std::make_shared<const analysis::GlobalCheck>(
                     analysis::checkGlobal(*filter, *fit, 400, task));
                 post([this, result] {
                   m_result = result;
                   Q_EMIT changed();
                 });
               });
}

}  // namespace app
