// The filters of the open document as an item model: a row per filter, numbers from the survey as they arrive.
#pragma once

#include <QAbstractProxyModel>
#include <QAbstractTableModel>
#include <vector>

#include "app/document.h"
#include "app/filtersearch.h"
#include "app/survey.h"

namespace app {

class FilterTable : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { name, sigmaDecay, order, error, ratio, effectiveLength, energy, length, radius, suggested, columns };
  enum Role {
    sortRole = Qt::UserRole  // a number for every column; besides it the roles of widgets::SparklineDelegate
  };

  FilterTable(Document&, Survey&, QObject* parent = nullptr);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex&, int role = Qt::DisplayRole) const override;
  QVariant headerData(int section, Qt::Orientation, int role = Qt::DisplayRole) const override;
  // Editing the order column is one undoable step.
  Qt::ItemFlags flags(const QModelIndex&) const override;
  bool setData(const QModelIndex&, const QVariant&, int role = Qt::EditRole) override;

  // What the suggested orders are for; changes them. O(1) and a repaint.
  void setTolerance(double relative);

  // What a search term can ask about; NaN while unknown.
  double value(int row, SearchKey) const;
  // What a column is sorted by; NaN while unknown.
  double sortValue(int row, int column) const;

 private:
  QVariant display(int row, int column) const;

  Document& m_document;
  Survey& m_survey;
  int m_rows = 0;
  double m_tolerance = 0.1;
};

// Sorting by number and the text search on top of it: which rows, in which order. A list of numbers of its own in place
// of QSortFilterProxyModel, which asks for every comparison through the model: 49,152 rows must be sorted within a frame
// or three.
class FilterTableView : public QAbstractProxyModel {
  Q_OBJECT

 public:
  explicit FilterTableView(FilterTable&, QObject* parent = nullptr);
  // An expression that cannot be read leaves the rows as they are and is described by the returned sentence. O(rows).
  QString setSearch(const QString& expression);
  int documentRow(const QModelIndex& proxyIndex) const;
  QModelIndex indexOfRow(int documentRow, int column = 0) const;

  // Unknown values last, whatever the direction; equal ones in the order of the document. O(rows log rows).
  void sort(int column, Qt::SortOrder order = Qt::AscendingOrder) override;
  QModelIndex mapToSource(const QModelIndex& proxyIndex) const override;
  QModelIndex mapFromSource(const QModelIndex& sourceIndex) const override;
  QModelIndex index(int row, int column, const QModelIndex& parent = {}) const override;
  QModelIndex parent(const QModelIndex&) const override { return {}; }
  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant headerData(int section, Qt::Orientation, int role = Qt::DisplayRole) const override;

 private:
  std::vector<int> arranged() const;
  void take(std::vector<int> rows);
  void rearrange();
  void announce(const QModelIndex& first, const QModelIndex& last);

  FilterTable& m_table;
  FilterSearch m_search;
  int m_column = FilterTable::name;
  Qt::SortOrder m_order = Qt::AscendingOrder;
  std::vector<int> m_rows;    // document row of each shown row
  std::vector<int> m_places;  // shown row of each document row, -1: not shown
};

}  // namespace app
