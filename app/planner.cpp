#include "app/planner.h"

#include <QFileInfo>
#include <algorithm>
#include <iterator>

#include "analysis/reduction/distilled.h"
#include "analysis/reduction/sharing.h"

namespace app {

Planner::Planner(Document& document, Jobs& jobs, QObject* parent)
    : QObject(parent), m_document(document), m_jobs(jobs) {
  connect(&document, &Document::opened, this, [this] {
    m_jobs.cancel(QStringLiteral("tolerance"));
    m_jobs.cancel(QStringLiteral("export distilled"));
    m_kept = std::make_shared<Kept>();
  });
  // Another text may have the name of the one before.
  connect(&document, &Document::fitWeightChanged, this, [this] { m_kept = std::make_shared<Kept>(); });
}

void Planner::fitToTolerance(const std::vector<int>& rows, double tolerance) {
  analysis::DistilRequest request;
  request.tolerance = tolerance;
  choose(rows, std::move(request), rows.size() == 1 ? tr("Fitting a filter to the tolerance")
                                                       : tr("Fitting %1 filters to the tolerance").arg(rows.size()));
}

void Planner::fitToBudget(const std::vector<int>& rows, long long states) {
  // Locked rows keep what they have; the others share the rest.
  for (const int row : rows)
    if (m_document.locked(row)) states -= m_document.order(row);
  analysis::DistilRequest request;
  request.budget = std::max(0LL, states);
  choose(rows, std::move(request), tr("Sharing %1 states among %2 filters").arg(states).arg(rows.size()));
}

void Planner::weigh(analysis::DistilRequest& request) const {
  request.weight = m_document.fitWeight().weight;
  if (request.weight) request.weightName = m_document.fitWeight().name().toStdString();
}

void Planner::choose(const std::vector<int>& asked, analysis::DistilRequest request, const QString& title) {
  std::vector<int> rows;
  std::copy_if(asked.begin(), asked.end(), std::back_inserter(rows), [this](int row) { return !m_document.locked(row); });
  if (rows.empty()) {
    if (!asked.empty()) Q_EMIT failed(tr("Every one of these filters is locked; K unlocks the selected rows."));
    return;
  }
  request.maxOrder = Document::maxOrder;
  weigh(request);
  for (const int row : rows) request.filters.push_back(m_document.filterId(row));
  m_jobs.start(
      QStringLiteral("tolerance"), title, Jobs::Priority::batch,
      [this, rows, request, checkpoint = m_document.checkpoint()](const analysis::Task& task, const Jobs::Post& post) {
        const analysis::Distilled distilled = analysis::distil(*checkpoint, request, task);
        // Banks without an asked filter may be missing from the result: look them up by path.
        std::vector<int> orders;
        for (const analysis::FilterId id : request.filters) {
          const std::string& path = checkpoint->banks()[static_cast<std::size_t>(id.bank)].path;
          int order = Document::defaultOrder;
          for (const analysis::DistilledBank& bank : distilled.banks)
            if (bank.path == path)
              if (const auto& filter = bank.filters[static_cast<std::size_t>(id.channel)])
                order = filter->model.order();
          orders.push_back(order);
        }
        post([this, rows, orders] {
          m_document.setOrders(rows, orders);
          Q_EMIT planned(static_cast<int>(rows.size()));
        });
      },
      [this](const QString& sentence) { Q_EMIT failed(sentence); });
}

void Planner::exportDistilled(const QString& path, int filtersPerPoleSet) {
  if (!m_document.checkpoint()) return;
  analysis::DistilRequest request;
  request.orders = m_document.orders();
  request.filtersPerPoleSet = filtersPerPoleSet;
  weigh(request);
  m_jobs.start(
      QStringLiteral("export distilled"), tr("Distilling into %1").arg(QFileInfo(path).fileName()),
      Jobs::Priority::batch,
      [this, path, request, kept = m_kept, checkpoint = m_document.checkpoint()](const analysis::Task& task,
                                                                                const Jobs::Post& post) {
        analysis::Distilled finished;
        {
          const std::lock_guard guard(kept->mutex);
          finished = kept->models;
        }
        if (finished.metadata != analysis::distilMetadata(*checkpoint, request, task)) finished = {};
        const auto keep = [&] {
          const std::lock_guard guard(kept->mutex);
          kept->models = std::move(finished);
        };
        analysis::Distilled distilled;
        try {
          distilled = analysis::distilKeeping(*checkpoint, request, finished, task);
        } catch (...) {
          keep();
          throw;
        }
        keep();
        analysis::writeDistilled(distilled, path.toStdString());
        const auto sharing = analysis::sharingOf(distilled);
        const QString sentence = sharing ? QString::fromStdString(sharing->sentence()) : QString();
        post([this, path, sentence] { Q_EMIT exported(path, sentence); });
      },
      [this](const QString& sentence) { Q_EMIT failed(sentence); });
}

}  // namespace app
