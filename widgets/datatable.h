// The numbers behind a picture: what a screen reader reads, what is copied, what a table view shows.
#pragma once

#include <QAbstractTableModel>
#include <QString>
#include <QStringList>
#include <vector>

namespace widgets {

// Columns of equal or differing length; a missing entry is empty, never 0. Headers carry the unit in parentheses.
struct DataTable {
  QStringList headers;
  std::vector<std::vector<double>> columns;

  void add(const QString& header, std::vector<double> column);
  int rows() const;
  // RFC 4180, one line of headers, 17 significant digits, empty for NaN.
  QString csv() const;
};

class DataTableModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  explicit DataTableModel(DataTable table, QObject* parent = nullptr);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

 private:
  DataTable m_table;
};

}  // namespace widgets
