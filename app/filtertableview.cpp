// Which rows of the filter table are shown, and in which order.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "app/filtertable.h"

namespace app {

FilterTableView::FilterTableView(FilterTable& table, QObject* parent) : QAbstractProxyModel(parent), m_table(table) {
  setSourceModel(&table);
  connect(&table, &QAbstractItemModel::modelAboutToBeReset, this, &FilterTableView::beginResetModel);
  connect(&table, &QAbstractItemModel::modelReset, this, [this] {
    take(arranged());
    endResetModel();
  });
  connect(&table, &QAbstractItemModel::dataChanged, this, &FilterTableView::announce);
  take(arranged());
}

// Rows keep their places while the survey fills in numbers; sorting or searching again takes the new ones into account.
void FilterTableView::announce(const QModelIndex& first, const QModelIndex& last) {
  if (first.row() == last.row()) {
    const int row = m_places[static_cast<std::size_t>(first.row())];
    if (row >= 0) Q_EMIT dataChanged(index(row, first.column()), index(row, last.column()));
  } else if (!m_rows.empty()) {
    Q_EMIT dataChanged(index(0, first.column()), index(rowCount() - 1, last.column()));
  }
}

QString FilterTableView::setSearch(const QString& expression) {
  QString problem;
  m_search = FilterSearch::parse(expression, &problem);
  rearrange();
  return problem;
}

void FilterTableView::sort(int column, Qt::SortOrder order) {
  if (column < 0) return;
  m_column = column;
  m_order = order;
  rearrange();
}

std::vector<int> FilterTableView::arranged() const {
  std::vector<int> rows;
  const int all = m_table.rowCount();
  rows.reserve(static_cast<std::size_t>(all));
  const bool asksName = m_search.asksName();
  for (int row = 0; row < all; ++row) {
    const QString name = asksName ? m_table.index(row, FilterTable::name).data().toString() : QString();
    if (m_search.matches(name, [&](SearchKey key) { return m_table.value(row, key); })) rows.push_back(row);
  }
  if (m_column == FilterTable::name) {  // the order of the document
    if (m_order == Qt::DescendingOrder) std::reverse(rows.begin(), rows.end());
    return rows;
  }
  struct Keyed {
    double key;
    int row;
  };
  std::vector<Keyed> keyed;
  keyed.reserve(rows.size());
  const double sign = m_order == Qt::AscendingOrder ? 1 : -1;
  for (const int row : rows) {
    const double key = m_table.sortValue(row, m_column);
    keyed.push_back({std::isnan(key) ? HUGE_VAL : sign * key, row});
  }
  std::sort(keyed.begin(), keyed.end(),
            [](const Keyed& a, const Keyed& b) { return a.key != b.key ? a.key < b.key : a.row < b.row; });
  std::transform(keyed.begin(), keyed.end(), rows.begin(), [](const Keyed& entry) { return entry.row; });
  return rows;
}

void FilterTableView::take(std::vector<int> rows) {
  m_rows = std::move(rows);
  m_places.assign(static_cast<std::size_t>(m_table.rowCount()), -1);
  for (std::size_t i = 0; i < m_rows.size(); ++i) m_places[static_cast<std::size_t>(m_rows[i])] = static_cast<int>(i);
}

// Indexes that a view keeps (current, selected) stay with their filters; those of rows that vanish become invalid.
void FilterTableView::rearrange() {
  Q_EMIT layoutAboutToBeChanged();
  const QModelIndexList before = persistentIndexList();
  std::vector<int> kept;
  for (const QModelIndex& index : before) kept.push_back(documentRow(index));
  take(arranged());
  QModelIndexList after;
  for (qsizetype i = 0; i < before.size(); ++i)
    after << indexOfRow(kept[static_cast<std::size_t>(i)], before[i].column());
  changePersistentIndexList(before, after);
  Q_EMIT layoutChanged();
}

int FilterTableView::documentRow(const QModelIndex& proxyIndex) const {
  return proxyIndex.isValid() && proxyIndex.row() < rowCount() ? m_rows[static_cast<std::size_t>(proxyIndex.row())] : -1;
}

QModelIndex FilterTableView::indexOfRow(int documentRow, int column) const {
  if (documentRow < 0 || documentRow >= static_cast<int>(m_places.size())) return {};
  const int row = m_places[static_cast<std::size_t>(documentRow)];
  return row < 0 ? QModelIndex() : index(row, column);
}

QModelIndex FilterTableView::mapToSource(const QModelIndex& proxyIndex) const {
  const int row = documentRow(proxyIndex);
  return row < 0 ? QModelIndex() : m_table.index(row, proxyIndex.column());
}

QModelIndex FilterTableView::mapFromSource(const QModelIndex& sourceIndex) const {
  return sourceIndex.isValid() ? indexOfRow(sourceIndex.row(), sourceIndex.column()) : QModelIndex();
}

QModelIndex FilterTableView::index(int row, int column, const QModelIndex& parent) const {
  if (parent.isValid() || row < 0 || row >= rowCount() || column < 0 || column >= columnCount()) return {};
  return createIndex(row, column);
}

int FilterTableView::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_rows.size());
}

int FilterTableView::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : FilterTable::columns;
}

QVariant FilterTableView::headerData(int section, Qt::Orientation orientation, int role) const {
  return m_table.headerData(section, orientation, role);
}

}  // namespace app
