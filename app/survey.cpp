#include "app/survey.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "analysis/reduction/reducer.h"
#include "analysis/response/bounds.h"

namespace app {

namespace {

struct Wanted {
  int row, order;
  analysis::FilterId id;
  bool errorsKnown;
};

struct Result {
  int row;
  FilterSummary summary;
  std::vector<float> errors;  // empty where they were known
};

Result survey(const Wanted& asked, const std::shared_ptr<const analysis::Filter>& filter,
              const std::optional<analysis::InputWeight>& weight, const analysis::Task& task) {
  Result out{asked.row, {}, {}};
  FilterSummary& summary = out.summary;
  summary.statistics = analysis::statistics(filter->taps);
  summary.lengthSamples = static_cast<int>(filter->taps.size());
  summary.described = summary.fitted = true;
  summary.order = asked.order;
  if (!summary.statistics.finite || !(summary.statistics.energy > 0) || filter->taps.size() <= 2) return out;
  const analysis::Reducer reducer(filter, Document::maxOrder, task, weight);
  const analysis::Fit best = reducer.fit(asked.order, task);
  summary.errorRelative = static_cast<float>(best.errorRelative);
  summary.spectralRadius = static_cast<float>(best.model.spectralRadius());
  const auto order = static_cast<std::size_t>(asked.order);
  summary.certificate = static_cast<float>(analysis::certificate(filter->taps, asked.order, task).error[order]);
  const std::vector<double>& sigma = reducer.sigma();
  const std::size_t count = std::min(sigma.size(), summary.sigma.size());
  for (std::size_t k = 0; k < count && sigma[0] > 0; ++k) summary.sigma[k] = static_cast<float>(sigma[k] / sigma[0]);
  if (!asked.errorsKnown) {
    const auto curve = reducer.spectralCurve(task);
    for (const auto& fit : curve->fits) out.errors.push_back(static_cast<float>(fit->errorSought()));
  }
  return out;
}

}  // namespace

Survey::Survey(Document& document, Jobs& jobs, QObject* parent) : QObject(parent), m_document(document), m_jobs(jobs) {
  connect(&document, &Document::opened, this, &Survey::reset);
  connect(&document, &Document::fitWeightChanged, this, &Survey::reset);
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
  m_errors.assign(m_summaries.size(), {});
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

int Survey::suggestedOrder(int row, double tolerance) const {
  const std::vector<float>& errors = m_errors[static_cast<std::size_t>(row)];
  if (errors.empty()) return -1;
  const auto found = std::find_if(errors.begin(), errors.end(), [tolerance](float error) { return error <= tolerance; });
  return found == errors.end() ? Document::maxOrder + 1 : static_cast<int>(found - errors.begin());
}

void Survey::restart() {
  // Rows in sight first, then the others in file order, so that a bank is evaluated once.
  std::vector<Wanted> todo;
  std::vector<bool> seen(m_summaries.size(), false);
  const auto want = [&](int row) {
    const auto index = static_cast<std::size_t>(row);
    if (seen[index] || (summary(row).fitted && summary(row).order == m_document.order(row))) return;
    seen[index] = true;
    todo.push_back({row, m_document.order(row), m_document.filterId(row), !m_errors[index].empty()});
  };
  for (const int row : m_visible)
    if (row < m_document.filterCount()) want(row);
  for (int row = 0; row < m_document.filterCount(); ++row) want(row);
  const QString purpose = QStringLiteral("survey");
  if (todo.empty() || m_held) return m_jobs.cancel(purpose);

  const QString title = (todo.size() == 1 ? tr("Surveying %1 filter") : tr("Surveying %1 filters")).arg(todo.size());
  m_jobs.start(purpose, title, Jobs::Priority::background,
               [this, todo = std::move(todo), fitWeight = m_document.fitWeight(), checkpoint = m_document.checkpoint()](
                   const analysis::Task& task, const Jobs::Post& post) {
                 QElapsedTimer sincePost;
                 sincePost.start();
                 std::vector<Result> batch;
                 const auto flush = [&] {
                   post([this, batch = std::exchange(batch, {})] {
                     std::vector<int> rows;
                     for (const auto& [row, summary, errors] : batch) {
                       m_summaries[static_cast<std::size_t>(row)] = summary;
                       if (!errors.empty()) m_errors[static_cast<std::size_t>(row)] = errors;
                       rows.push_back(row);
                     }
                     Q_EMIT summarised(rows);
                   });
                   sincePost.restart();
                 };
                 for (std::size_t i = 0; i < todo.size(); ++i) {
                   task.throwIfStopped();
                   const analysis::FilterId id = todo[i].id;
                   batch.push_back(survey(todo[i], checkpoint->filter(id, task), fitWeight.of(id), task));
                   task.report(static_cast<double>(i + 1) / static_cast<double>(todo.size()));
                   if (sincePost.elapsed() > 60) flush();
                 }
                 if (!batch.empty()) flush();
               });
}

}  // namespace app
