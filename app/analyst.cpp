#include "app/analyst.h"

#include <algorithm>
#include <cstdlib>

#include "analysis/reduction/multiscale.h"

namespace app {

namespace {

// What the views ahead of the hand may take. A view of 1,024 taps takes 70 kB: all orders fit; of a million taps one.
constexpr std::size_t viewBytes = 48u << 20;

std::size_t viewsThatFit(std::size_t lengthSamples) {
  return viewBytes / (9 * sizeof(double) * std::max<std::size_t>(lengthSamples, 1));
}

// The reducer keeps a Lanczos basis of about 2 maxOrder + 10 vectors; the rest is a few vectors of the window's length.
std::size_t byteEstimate(const FilterAnalysis& known) {
  const std::size_t length = known.filter->taps.size();
  std::size_t vectors = 1;
  if (known.response) vectors += 6;  // three quantities on about 2 L frequencies
  if (known.reducer) vectors += 2 * static_cast<std::size_t>(known.reducer->maxOrder()) + 16;
  return vectors * length * sizeof(double) + (known.curve ? 64u << 10 : 0);
}

// Filters longer than this are first looked at with as many states as are shown: the basis for all orders, which grows
// with orders and taps, would keep a hand waiting that walks through the table.
constexpr std::size_t longTaps = 2048;
constexpr int firstOrders = 16;

bool complete(const FilterAnalysis& known) {
  return known.reducer && known.reducer->maxOrder() == Document::maxOrder;
}

}  // namespace

Analyst::Analyst(Document& document, Jobs& jobs, QObject* parent)
    : QObject(parent), m_document(document), m_jobs(jobs) {
  connect(&document, &Document::opened, this, &Analyst::reset);
  connect(&document, &Document::selectionChanged, this, &Analyst::selectionChanged);
  connect(&document, &Document::fitWeightChanged, this, [this] {
    reset();
    if (m_document.selectedRow() >= 0) selectionChanged();
  });
  connect(&document, &Document::ordersChanged, this, [this] {
    const int row = m_document.selectedRow();
    if (row >= 0 && m_document.order(row) != m_shownOrder) preview(m_document.order(row));
  });
}

void Analyst::reset() {
  for (const char* purpose : {"analyse", "curve", "certificate", "fit", "views"}) m_jobs.cancel(QString::fromLatin1(purpose));
  m_kept.clear();
  m_recency.clear();
  m_cachedBytes = 0;
  m_current.reset();
  m_fit.reset();
  m_views.clear();
  Q_EMIT analysed();
  Q_EMIT fitted();
}

void Analyst::selectionChanged() {
  const int row = m_document.selectedRow();
  m_shownOrder = m_document.order(row);
  m_current = cached(row);
  m_fit.reset();
  m_views.clear();
  for (const char* purpose : {"fit", "views"}) m_jobs.cancel(QString::fromLatin1(purpose));
  if (m_current) {
    keep(row, m_current);
    Q_EMIT analysed();
    requestFit();
    if (m_current->curve && m_current->curve->final && m_current->twiceTail && m_current->certificate) {
      m_jobs.cancel(QStringLiteral("analyse"));
      m_jobs.cancel(QStringLiteral("curve"));
      m_jobs.cancel(QStringLiteral("certificate"));
      return;
    }
  }
  analyse(row);
}

Analyst::Publish Analyst::publisher(int row, const Jobs::Post& post) {
  return [this, row, post](const FilterAnalysis& stage, bool alsoFit) {
    auto value = std::make_shared<FilterAnalysis>(stage);
    post([this, row, value, alsoFit] {
      if (!value->certificate && m_current && m_current->filter == value->filter) value->certificate = m_current->certificate;
      m_current = value;
      keep(row, value);
      Q_EMIT analysed();
      if (alsoFit) requestFit();
    });
  };
}

void Analyst::analyse(int row) {
  const analysis::FilterId id = m_document.filterId(row);
  m_jobs.cancel(QStringLiteral("curve"));
  m_jobs.cancel(QStringLiteral("certificate"));
  m_jobs.start(
      QStringLiteral("analyse"), tr("Analysing filter %1").arg(m_document.filterName(row)), Jobs::Priority::interactive,
      [this, checkpoint = m_document.checkpoint(), fitWeight = m_document.fitWeight(), id, row, known = m_current,
       order = m_shownOrder](
          const analysis::Task& task, const Jobs::Post& post) {
        const Publish publish = publisher(row, post);
        FilterAnalysis stage = known ? *known : describe(checkpoint->filter(id, task));
        publish(stage, false);
        if (!stage.statistics.finite || stage.filter->taps.size() < 2) return;
        const auto reduce = [&](int maxOrder) {
          stage.reducer = std::make_shared<const analysis::Reducer>(stage.filter, maxOrder, task, fitWeight.of(id));
          publish(stage, true);
        };
        if (!stage.reducer && stage.filter->taps.size() > longTaps && order < Document::maxOrder)
          reduce(std::max(order, firstOrders));
        if (!complete(stage)) reduce(Document::maxOrder);
        post([this, row, stage] { improve(row, stage); });
      },
      [this](const QString& sentence) { Q_EMIT failed(sentence); });
}

// What takes longer than a look: it must not be in the way of an order step or of the next selection.
void Analyst::improve(int row, const FilterAnalysis& known) {
  const bool isLong = static_cast<Eigen::Index>(known.filter->taps.size()) > analysis::longSamples;
  if (isLong && !known.certificate) certify(row, known);
  m_jobs.start(
      QStringLiteral("curve"), tr("Fitting all orders of filter %1").arg(m_document.filterName(row)),
      Jobs::Priority::batch,
      [this, row, known, isLong, order = m_shownOrder](const analysis::Task& task, const Jobs::Post& post) {
        const Publish publish = publisher(row, post);
        FilterAnalysis stage = known;
        if (!stage.certificate && !isLong) {
          stage.certificate = std::make_shared<const analysis::Certificate>(
              analysis::certificate(stage.filter->taps, Document::maxOrder, task));
          publish(stage, false);
        }
        if (!stage.curve || !stage.curve->final)
          stage.curve = stage.reducer->curve(order, task, [&](std::shared_ptr<const analysis::OrderCurve> curve) {
            stage.curve = std::move(curve);
            publish(stage, true);
          });
        publish(stage, true);
        if (!stage.hankel) {
          const int size = static_cast<int>(stage.filter->taps.size()) - 1;
          stage.hankel = std::make_shared<const analysis::HankelSpectrum>(
              analysis::hankelSpectrum(stage.filter->taps, Document::maxOrder + 1, size <= 1024, task));
          stage.twiceTail = std::make_shared<const std::vector<double>>(
              analysis::twiceTailSum(*stage.hankel, stage.filter->taps, Document::maxOrder));
          publish(stage, false);
        }
      },
      [this](const QString& sentence) { Q_EMIT failed(sentence); });
}

void Analyst::certify(int row, const FilterAnalysis& known) {
  m_jobs.start(
      QStringLiteral("certificate"), tr("Bounding the error of filter %1").arg(m_document.filterName(row)),
      Jobs::Priority::batch,
      [this, row, filter = known.filter](const analysis::Task& task, const Jobs::Post& post) {
        auto certificate = std::make_shared<const analysis::Certificate>(
            analysis::certificate(filter->taps, Document::maxOrder, task));
        post([this, row, filter, certificate] {
          if (!m_current || m_current->filter != filter) return;
          FilterAnalysis stage = *m_current;
          stage.certificate = certificate;
          m_current = std::make_shared<const FilterAnalysis>(std::move(stage));
          keep(row, m_current);
          Q_EMIT analysed();
        });
      },
      [this](const QString& sentence) { Q_EMIT failed(sentence); });
}

void Analyst::preview(int order) {
  if (order == m_shownOrder && m_fit && m_fit->order == order) return;
  m_shownOrder = order;
  requestFit();
}

void Analyst::requestFit() {
  if (!m_current || !m_current->reducer || m_current->reducer->maxOrder() < m_shownOrder) return;
  const auto known = m_current;
  const int order = m_shownOrder;
  std::shared_ptr<const analysis::Fit> fit;
  if (known->curve && order <= known->curve->maxOrder()) fit = known->curve->fits[static_cast<std::size_t>(order)];
  if (m_fit && fit && m_fit->fit == fit && m_fit->order == order) return prefetch();  // the curve grew elsewhere
  if (const auto ready = m_views.find(order); ready != m_views.end() && fit && ready->second->fit == fit) {
    m_jobs.cancel(QStringLiteral("fit"));
    show(ready->second);
    return prefetch();
  }
  m_jobs.start(
      QStringLiteral("fit"), tr("Fitting order %1").arg(order), Jobs::Priority::interactive,
      [this, known, order, fit](const analysis::Task& task, const Jobs::Post& post) {
        auto best = fit ? fit : std::make_shared<const analysis::Fit>(known->reducer->fit(order, task));
        auto view = std::make_shared<const FitView>(viewFit(*known, std::move(best), order));
        post([this, known, view] {
          if (known->curve) m_views[view->order] = view;
          show(view);
          prefetch();
        });
      },
      [this](const QString& sentence) { Q_EMIT failed(sentence); });
}

void Analyst::show(std::shared_ptr<const FitView> view) {
  const auto* curve = m_current ? m_current->curve.get() : nullptr;
  const bool settled = curve && curve->final && view->order <= curve->maxOrder() &&
                       curve->fits[static_cast<std::size_t>(view->order)] == view->fit;
  if (!settled && m_fit && m_fit->filter == view->filter && m_fit->order == view->order &&
      m_fit->fit->errorSought() < view->fit->errorSought())
    return;
  m_fit = std::move(view);
  Q_EMIT fitted();
}

void Analyst::prefetch() {
  if (!m_current || !m_current->curve || m_jobs.running(QStringLiteral("views"))) return;
  const auto known = m_current;
  const int most = known->curve->maxOrder();
  // A curve that still improves will replace its models: only the next steps are worth preparing.
  const std::size_t room = std::min(viewsThatFit(known->filter->taps.size()),
                                    known->curve->final ? std::size_t{Document::maxOrder + 1} : std::size_t{9});
  std::vector<int> nearest(static_cast<std::size_t>(most) + 1);
  for (int order = 0; order <= most; ++order) nearest[static_cast<std::size_t>(order)] = order;
  const auto distance = [shown = m_shownOrder](int order) { return std::abs(order - shown); };
  std::stable_sort(nearest.begin(), nearest.end(), [&](int a, int b) { return distance(a) < distance(b); });
  nearest.resize(std::min(nearest.size(), room));
  std::erase_if(m_views, [&](const auto& kept) {
    return kept.second->fit != known->curve->fits[static_cast<std::size_t>(kept.first)] ||
           std::find(nearest.begin(), nearest.end(), kept.first) == nearest.end();
  });
  std::erase_if(nearest, [&](int order) { return m_views.contains(order); });
  if (nearest.empty()) return;
  m_jobs.start(QStringLiteral("views"), tr("Preparing the orders around %1").arg(m_shownOrder),
               Jobs::Priority::interactive, [this, known, nearest](const analysis::Task& task, const Jobs::Post& post) {
                 for (const int order : nearest) {
                   task.throwIfStopped();
                   auto view = std::make_shared<const FitView>(
                       viewFit(*known, known->curve->fits[static_cast<std::size_t>(order)], order));
                   post([this, known, view] {
                     if (m_current && m_current->filter == known->filter) m_views[view->order] = view;
                   });
                 }
               });
}

std::shared_ptr<const FilterAnalysis> Analyst::cached(int row) const {
  const auto it = m_kept.find(row);
  return it == m_kept.end() ? nullptr : it->second.analysis;
}

void Analyst::keep(int row, std::shared_ptr<const FilterAnalysis> value) {
  if (const auto it = m_kept.find(row); it != m_kept.end()) {
    m_cachedBytes -= it->second.bytes;
    m_recency.erase(it->second.use);
    m_kept.erase(it);
  }
  m_recency.push_front(row);
  const std::size_t bytes = byteEstimate(*value);
  m_kept[row] = {std::move(value), bytes, m_recency.begin()};
  m_cachedBytes += bytes;
  while (m_cachedBytes > m_cacheBytes && m_recency.size() > 1) {
    const auto oldest = m_kept.find(m_recency.back());
    m_cachedBytes -= oldest->second.bytes;
    m_kept.erase(oldest);
    m_recency.pop_back();
  }
}

void Analyst::setCacheBytes(std::size_t bytes) {
  m_cacheBytes = bytes;
  const int row = m_document.selectedRow();
  if (m_current && row >= 0) keep(row, m_current);
}

}  // namespace app
