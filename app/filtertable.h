// The filters of the open document as an item model: a row per filter, numbers from the survey as they arrive.
#pragma once

#include <QAbstractTableModel>
#include <QSortFilterProxyModel>

#include "app/document.h"
#include "app/filtersearch.h"
#include "app/survey.h"

namespace app {

class FilterTable : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { name, sigmaDecay, order, error, ratio, effectiveLength, energy, length, radius, columns };
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

  // What a search term can ask about; NaN while unknown.
  double value(int row, SearchKey) const;

 private:
  QVariant display(int row, int column) const;
  double sortValue(int row, int column) const;

  Document& m_document;
  Survey& m_survey;
  int m_rows = 0;
};

// Sorting by number and the text search on top of it.
class FilterTableView : public QSortFilterProxyModel {
  Q_OBJECT

 public:
  explicit FilterTableView(FilterTable&, QObject* parent = nullptr);
  // An expression that cannot be read leaves the rows as they are and is described by the returned sentence.
  QString setSearch(const QString& expression);
  int documentRow(const QModelIndex& proxyIndex) const;
  QModelIndex indexOfRow(int documentRow, int column = 0) const;

 protected:
  bool filterAcceptsRow(int sourceRow, const QModelIndex& sourceParent) const override;
  bool lessThan(const QModelIndex& left, const QModelIndex& right) const override;

 private:
  FilterTable& m_table;
  FilterSearch m_search;
};

}  // namespace app
