#include "widgets/datatable.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "widgets/format.h"

namespace widgets {
namespace {

QString quoted(QString text) {
  if (!text.contains(u',') && !text.contains(u'"') && !text.contains(u'\n')) return text;
  return u'"' + text.replace(u'"', QStringLiteral("\"\"")) + u'"';
}

}  // namespace

void DataTable::add(const QString& header, std::vector<double> column) {
  headers.append(header);
  columns.push_back(std::move(column));
}

int DataTable::rows() const {
  size_t most = 0;
  for (const auto& column : columns) most = std::max(most, column.size());
  return static_cast<int>(most);
}

QString DataTable::csv() const {
  QString text;
  for (int i = 0; i < headers.size(); ++i) text += (i ? "," : "") + quoted(headers[i]);
  text += u'\n';
  for (size_t row = 0; row < static_cast<size_t>(rows()); ++row) {
    for (size_t i = 0; i < columns.size(); ++i) {
      if (i) text += u',';
      if (row < columns[i].size() && !std::isnan(columns[i][row])) text += QString::number(columns[i][row], 'g', 17);
    }
    text += u'\n';
  }
  return text;
}

DataTableModel::DataTableModel(DataTable table, QObject* parent)
    : QAbstractTableModel(parent), m_table(std::move(table)) {}

int DataTableModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : m_table.rows();
}

int DataTableModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_table.columns.size());
}

QVariant DataTableModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) return {};
  const auto& column = m_table.columns[static_cast<size_t>(index.column())];
  const auto row = static_cast<size_t>(index.row());
  if (row >= column.size() || std::isnan(column[row])) return {};
  if (role == Qt::DisplayRole) return number(column[row]);
  if (role == Qt::EditRole) return column[row];
  if (role == Qt::TextAlignmentRole) return int(Qt::AlignRight | Qt::AlignVCenter);
  return {};
}

QVariant DataTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (role != Qt::DisplayRole) return {};
  if (orientation == Qt::Vertical) return section + 1;
  return section >= 0 && section < m_table.headers.size() ? QVariant(m_table.headers[section]) : QVariant();
}

}  // namespace widgets
