#include "app/document.h"

#include <QDir>
#include <QFileInfo>
#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

#include "app/edits.h"

namespace app {

namespace {

// The same filters at the same places, however long they are read.
bool sameFilters(const analysis::Checkpoint& a, const analysis::Checkpoint& b) {
  return std::equal(
      a.banks().begin(), a.banks().end(), b.banks().begin(), b.banks().end(),
      [](const analysis::Bank& x, const analysis::Bank& y) { return x.path == y.path && x.channels == y.channels; });
}

}  // namespace

Document::Document(Jobs& jobs, QObject* parent) : QObject(parent), m_jobs(jobs) {
  connect(&m_watcher, &QFileSystemWatcher::fileChanged, this, [this] {
    if (!m_checkpoint) return;
    if (const auto part = m_checkpoint->tensors().changedPart())
      Q_EMIT changedOnDisk(QString::fromStdString(part->string()));
  });
}

void Document::open(const QString& path, const analysis::Choices& choices) {
  load(QFileInfo(path).absoluteFilePath(), choices, History::anew);
}

void Document::reread(const analysis::Choices& choices) {
  if (m_checkpoint && choices != m_choices) load(m_path, choices, History::step);
}

void Document::readAgain() {
  if (m_checkpoint) load(m_path, m_choices, History::kept);
}

void Document::load(const QString& path, const analysis::Choices& choices, History history) {
  Q_EMIT openingStarted(path);
  m_jobs.start(
      QStringLiteral("open"), tr("Opening %1").arg(QFileInfo(path).fileName()), Jobs::Priority::interactive,
      [this, path, choices, history](const analysis::Task& task, const Jobs::Post& post) {
        auto checkpoint = analysis::Checkpoint::open(path.toStdString(), task, choices);
        post([this, path, checkpoint, choices, history] { take(path, checkpoint, choices, history); });
      },
      [this, path](const QString& sentence) { Q_EMIT openFailed(path, sentence); });
}

void Document::take(const QString& path, std::shared_ptr<const analysis::Checkpoint> checkpoint,
                    const analysis::Choices& choices, History history) {
  const bool kept =
      history != History::anew && m_checkpoint && path == m_path && sameFilters(*m_checkpoint, *checkpoint);
  const int selected = kept ? std::max(selectedRow(), 0) : 0;
  const analysis::Choices before = std::exchange(m_choices, choices);
  m_checkpoint = std::move(checkpoint);
  m_path = path;
  if (!m_watcher.files().isEmpty()) m_watcher.removePaths(m_watcher.files());
  for (const auto& part : m_checkpoint->tensors().parts()) m_watcher.addPath(QString::fromStdString(part.string()));
  if (!kept) {
    m_bankStart.clear();
    int rows = 0;
    for (const analysis::Bank& bank : m_checkpoint->banks()) {
      m_bankStart.push_back(rows);
      rows += bank.channels;
    }
    m_orders.assign(static_cast<std::size_t>(rows), defaultOrder);
    m_locked.assign(static_cast<std::size_t>(rows), false);
    m_fitWeight = {};
    m_undo.clear();
  } else if (history == History::step) {
    m_undo.push(new ReadingEdit(*this, before, choices));
  }
  m_selection = {};
  Q_EMIT opened();
  if (filterCount() > 0) select(selected);
}

int Document::row(analysis::FilterId id) const {
  return m_bankStart[static_cast<std::size_t>(id.bank)] + id.channel;
}

analysis::FilterId Document::filterId(int row) const {
  const auto next = std::upper_bound(m_bankStart.begin(), m_bankStart.end(), row);
  const int bank = static_cast<int>(next - m_bankStart.begin()) - 1;
  return {bank, row - m_bankStart[static_cast<std::size_t>(bank)]};
}

QString Document::filterName(int row) const {
  return QString::fromStdString(m_checkpoint->filterName(filterId(row)));
}

void Document::select(int row) {
  if (row < 0 || row >= filterCount()) return;
  const analysis::FilterId id = filterId(row);
  if (id == m_selection) return;
  m_selection = id;
  Q_EMIT selectionChanged();
}

void Document::setOrder(const std::vector<int>& rows, int order) {
  setOrders(rows, std::vector<int>(rows.size(), order));
}

void Document::setOrders(const std::vector<int>& rows, const std::vector<int>& orders) {
  std::vector<OrderChange> changes;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const int before = order(rows[i]), after = std::clamp(orders[i], 0, maxOrder);
    if (before != after && !locked(rows[i])) changes.push_back({rows[i], before, after});
  }
  if (!changes.empty()) {
    m_undo.push(new OrderEdit(*this, std::move(changes)));
  } else if (rows.size() == 1 && locked(rows.front())) {
    Q_EMIT ordersChanged(rows);  // what was dragged goes back to where it was
    Q_EMIT lockRefused(rows.front());
  }
}

void Document::setLocked(const std::vector<int>& rows, bool on) {
  std::vector<int> changed;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(changed), [&](int row) { return locked(row) != on; });
  if (!changed.empty()) m_undo.push(new LockEdit(*this, std::move(changed), on));
}

void Document::setFitWeight(FitWeight fitWeight) {
  if (fitWeight.plain() && m_fitWeight.plain()) return;
  m_undo.push(new FitWeightEdit(*this, m_fitWeight, std::move(fitWeight)));
}

void Document::restoreFitWeight(FitWeight fitWeight) {
  m_fitWeight = std::move(fitWeight);
  Q_EMIT fitWeightChanged();
}

int Document::lockedCount() const {
  return static_cast<int>(std::count(m_locked.begin(), m_locked.end(), true));
}

void Document::restorePlan(std::vector<int> orders, std::vector<bool> locked) {
  if (orders.size() != m_orders.size() || locked.size() != m_locked.size()) return;
  for (int& order : orders) order = std::clamp(order, 0, maxOrder);
  m_undo.clear();
  m_orders = std::move(orders);
  m_locked = std::move(locked);
  const std::vector<int> rows = allRows();
  if (rows.empty()) return;
  Q_EMIT ordersChanged(rows);
  Q_EMIT locksChanged(rows);
}

std::vector<int> Document::bankRows(int row) const {
  const analysis::FilterId id = filterId(row);
  std::vector<int> rows(static_cast<std::size_t>(m_checkpoint->banks()[static_cast<std::size_t>(id.bank)].channels));
  std::iota(rows.begin(), rows.end(), row - id.channel);
  return rows;
}

std::vector<int> Document::allRows() const {
  std::vector<int> rows(m_orders.size());
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

long long Document::totalStates() const {
  return std::accumulate(m_orders.begin(), m_orders.end(), 0LL);
}

void Document::apply(const std::vector<OrderChange>& changes, bool forward) {
  std::vector<int> rows;
  rows.reserve(changes.size());
  for (const OrderChange& change : changes) {
    m_orders[static_cast<std::size_t>(change.row)] = forward ? change.after : change.before;
    rows.push_back(change.row);
  }
  Q_EMIT ordersChanged(rows);
}

void Document::applyLocks(const std::vector<int>& rows, bool on) {
  for (const int row : rows) m_locked[static_cast<std::size_t>(row)] = on;
  Q_EMIT locksChanged(rows);
}

}  // namespace app
