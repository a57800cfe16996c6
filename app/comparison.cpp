#include "app/comparison.h"

#include <QElapsedTimer>

#include "analysis/error.h"
#include "analysis/reduction/alternatives.h"
#include "analysis/reduction/methods/method.h"
#include "analysis/response/spectrum.h"

namespace app {

namespace {

MethodResult fitOne(const QString& name, const analysis::Checkpoint& checkpoint, const analysis::Filter& filter,
                    int order, const analysis::Task& task) {
  MethodResult out;
  out.method = name;
  QElapsedTimer clock;
  clock.start();
  try {
    if (const auto* form = analysis::alternativeNamed(name.toStdString())) {
      auto fit = analysis::fitAlternative(*form, checkpoint, filter.id, order, task);
      out.errorRelative = fit.errorRelative;
      out.spectralRadius = fit.spectralRadius;
      out.order = fit.order;
      out.recurrence = fit.recurrence;
      out.remark = QString::fromStdString(fit.remark);
      out.impulse = std::move(fit.impulse);
      out.poles = std::move(fit.poles);
    } else {
      const auto fit = analysis::fitWith(analysis::methodNamed(name.toStdString()), filter.taps, order, task);
      out.errorRelative = fit.errorRelative;
      out.spectralRadius = fit.model.spectralRadius();
      out.order = fit.model.order();
      out.poles = fit.model.poles();
      out.impulse = fit.model.impulseResponse(static_cast<int>(filter.taps.size()));
    }
  } catch (const analysis::Error& error) {
    out.problem = QString::fromUtf8(error.what());
  }
  out.seconds = static_cast<double>(clock.nsecsElapsed()) * 1e-9;
  if (out.order >= 0) out.decibels = analysis::magnitudeDecibels(analysis::spectrum(out.impulse));
  return out;
}

}  // namespace

Comparison::Comparison(Document& document, Analyst& analyst, Jobs& jobs, QObject* parent)
    : QObject(parent), m_document(document), m_analyst(analyst), m_jobs(jobs) {
  connect(&analyst, &Analyst::fitted, this, &Comparison::refresh);
}

void Comparison::setMethods(const std::vector<QString>& names) {
  if (names == m_methods) return;
  m_methods = names;
  Q_EMIT methodsChanged();
  m_order = -1;
  refresh();
}

void Comparison::refresh() {
  const auto shown = m_analyst.fit();
  if (!shown || m_methods.empty()) {
    m_jobs.cancel(QStringLiteral("compare"));
    m_filter.reset();
    m_order = -1;
    if (m_results.empty()) return;
    m_results.clear();
    Q_EMIT changed();
    return;
  }
  if (shown->filter == m_filter && shown->order == m_order) return;  // the shown fit got better, not these
  m_filter = shown->filter;
  m_order = shown->order;
  m_results.clear();
  Q_EMIT changed();
  m_jobs.start(QStringLiteral("compare"), tr("Comparing %1 methods").arg(m_methods.size()), Jobs::Priority::batch,
               [this, filter = m_filter, order = m_order, methods = m_methods,
                checkpoint = m_document.checkpoint()](const analysis::Task& task, const Jobs::Post& post) {
                 for (std::size_t i = 0; i < methods.size(); ++i) {
                   task.report(static_cast<double>(i) / static_cast<double>(methods.size()));
                   const MethodResult result = fitOne(methods[i], *checkpoint, *filter, order, task);
                   post([this, result] {
                     m_results.push_back(result);
                     Q_EMIT changed();
                   });
                 }
               });
}

}  // namespace app
