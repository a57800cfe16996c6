#include "app/survey.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "analysis/reduction/reducer.h"
#include "analysis/response/bounds.h"

namespace app {

namespace {

using Batch = std::vector<std::pair<int, FilterSummary>>;

void describe(FilterSummary& summary, const analysis::Filter& filter) {
  summary.statistics = analysis::statistics(filter.taps);
  summary.lengthSamples = static_cast<int>(filter.taps.size());
  summary.described = true;
}

void fit(FilterSummary& summary, const std::shared_ptr<const analysis::Filter>& filter, int order,
         const std::optional<analysis::InputWeight>& weight, const analysis::Task& task) {
  summary.order = order;
  if (summary.statistics.finite && summary.statistics.energy > 0 && filter->taps.size() > 2) {
    const analysis::Reducer reducer(filter, Document::maxOrder, task, weight);
    const analysis::Fit best = reducer.fit(order, task);
    summary.errorRelative = static_cast<float>(best.errorRelative);
    summary.spectralRadius = static_cast<float>(best.model.spectralRadius());
    summary.certificate =
        static_cast<float>(analysis::certificate(filter->taps, order, task).error[static_cast<std::size_t>(order)]);
    const std::vector<double>& sigma = reducer.sigma();
    const std::size_t count = std::min(sigma.size(), summary.sigma.size());
    for (std::size_t k = 0; k < count && sigma[0] > 0; ++k) summary.sigma[k] = static_cast<float>(sigma[k] / sigma[0]);
  }
  summary.fitted = true;
}

}  // namespace

Survey::Survey(Document& document, Jobs& jobs, QObject* parent) : QObject(parent), m_document(document), m_jobs(jobs) {
  connect(&document, &Document::opened, this, &Survey::reset);
  connect(&document, &Document::hearingChanged, this, &Survey::reset);
  // A hand that steps through orders would restart the survey with every step; rows are fitted when it rests.
  m_rest.setSingleShot(true);
  m_rest.setInterval(150);
  connect(&m_rest, &QTimer::timeout, this, &Survey::restart);
  connect(&document, &Document::ordersChanged, this, [this] {
    m_jobs.cancel(QStringLiteral("survey"));
    m_rest.start();
  });
}

void Survey::reset() {
  m_summaries.assign(static_cast<std::size_t>(m_document.filterCount()), {});
  m_visible.clear();
  restart();
}

void Survey::setVisibleRows(std::vector<int> rows) {
  if (rows == m_visible) return;
  m_visible = std::move(rows);
  const bool wanted = std::any_of(m_visible.begin(), m_visible.end(), [this](int row) {
    return !summary(row).fitted || summary(row).order != m_document.order(row);
  });
  if (wanted) restart();
}

void Survey::setHeld(bool held) {
  if (held == m_held) return;
  m_held = held;
  restart();
}

int Survey::pendingCount() const {
  int pending = 0;
  for (int row = 0; row < m_document.filterCount(); ++row)
    if (!summary(row).fitted || summary(row).order != m_document.order(row)) ++pending;
  return pending;
}

void Survey::restart() {
  // Rows in sight first, then the others in file order, so that a bank is evaluated once.
  std::vector<std::pair<int, int>> todo;  // row, order
  std::unordered_set<int> seen;
  const auto want = [&](int row) {
    if ((!summary(row).fitted || summary(row).order != m_document.order(row)) && seen.insert(row).second)
      todo.emplace_back(row, m_document.order(row));
  };
  for (const int row : m_visible)
    if (row < m_document.filterCount()) want(row);
  for (int row = 0; row < m_document.filterCount(); ++row) want(row);
  const QString purpose = QStringLiteral("survey");
  if (todo.empty() || m_held) return m_jobs.cancel(purpose);

  m_jobs.start(purpose, tr("Surveying %1 filters").arg(todo.size()), Jobs::Priority::batch,
               [this, todo, hearing = m_document.hearing(), known = m_summaries, checkpoint = m_document.checkpoint(), ids = [&] {
                 std::vector<analysis::FilterId> out;
                 for (const auto& [row, order] : todo) out.push_back(m_document.filterId(row));
                 return out;
               }()](const analysis::Task& task, const Jobs::Post& post) {
                 QElapsedTimer sincePost;
                 sincePost.start();
                 Batch batch;
                 const auto flush = [&] {
                   post([this, batch] {
                     std::vector<int> rows;
                     for (const auto& [row, summary] : batch) {
                       m_summaries[static_cast<std::size_t>(row)] = summary;
                       rows.push_back(row);
                     }
                     Q_EMIT summarised(rows);
                   });
                   batch.clear();
                   sincePost.restart();
                 };
                 for (std::size_t i = 0; i < todo.size(); ++i) {
                   task.throwIfStopped();
                   const auto [row, order] = todo[i];
                   FilterSummary summary = known[static_cast<std::size_t>(row)];
                   const auto filter = checkpoint->filter(ids[i], task);
                   if (!summary.described) describe(summary, *filter);
                   fit(summary, filter, order, hearing.of(ids[i]), task);
                   batch.emplace_back(row, summary);
                   task.report(static_cast<double>(i + 1) / static_cast<double>(todo.size()));
                   if (sincePost.elapsed() > 60) flush();
                 }
                 if (!batch.empty()) flush();
               });
}

}  // namespace app
