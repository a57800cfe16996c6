// The table of filters with its search line. Keyboard alone suffices: arrows select, Ctrl+F searches, F2 edits an
// order.
#pragma once

#include <QWidget>
#include <vector>

#include "app/filtertable.h"

class QLabel;
class QLineEdit;
class QTableView;
class QTimer;

namespace app {

class FilterPanel : public QWidget {
  Q_OBJECT

 public:
  FilterPanel(Document&, Survey&, QWidget* parent = nullptr);

  QTableView* table() const { return m_view; }
  QLineEdit* searchLine() const { return m_search; }
  FilterTable* model() const { return m_table; }
  FilterTableView* view() const { return m_proxy; }
  // Document rows selected in the table, in table order.
  std::vector<int> selectedRows() const;
  // By the column of the current cell, ascending; the same again turns it round.
  void sortByCurrentColumn();

 protected:
  bool event(QEvent*) override;
  bool eventFilter(QObject*, QEvent*) override;

 private:
  void search();
  void followSelection();
  void reportVisibleRows();
  void refreshCount();
  void restyle();

  Document& m_document;
  Survey& m_survey;
  FilterTable* m_table;
  FilterTableView* m_proxy;
  QLineEdit* m_search;
  QLabel* m_count;
  QLabel* m_problem;
  QTableView* m_view;
  QTimer* m_visible;
};

}  // namespace app
