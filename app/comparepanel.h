// The methods people know, and other forms of model at equal cost, at the order shown: tick them to see error, distance to
// the best possible, time and poles side by side, and their responses laid over the plots.
#pragma once

#include <QWidget>
#include <string>
#include <vector>

#include "app/comparison.h"
#include "app/reference.h"

class QLabel;
class QTableWidget;

namespace app {

class PlotDeck;

class ComparePanel : public QWidget {
  Q_OBJECT

 public:
  ComparePanel(Comparison&, Analyst&, PlotDeck&, Reference&, QWidget* parent = nullptr);
  QTableWidget* table() const { return m_table; }
  // Ticks these methods and forms and no others; unknown names are passed over.
  void tick(const std::vector<std::string>& methods);

 protected:
  bool event(QEvent*) override;

 private:
  enum Column { method, error, ratio, radius, order, time, columns };
  void readTicks();
  void refresh();
  void refreshOverlays();
  // Null: nothing known yet.
  void setRow(int row, const MethodResult*);
  void restyle();

  Comparison& m_comparison;
  Analyst& m_analyst;
  PlotDeck& m_plots;
  Reference& m_reference;
  QTableWidget* m_table;
  QLabel* m_remarks;
};

}  // namespace app
