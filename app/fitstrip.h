// One line that says what the shown fit is worth: the filter, its order (a spin box), error, certificate, worst places.
#pragma once

#include <QList>
#include <QWidget>

#include "app/analyst.h"
#include "app/document.h"
#include "app/valuelabel.h"

class QLabel;
class QSpinBox;

namespace app {

class FitStrip : public QWidget {
  Q_OBJECT

 public:
  FitStrip(Document&, Analyst&, QWidget* parent = nullptr);
  QSpinBox* orderBox() const { return m_order; }

 Q_SIGNALS:
  void orderChosen(int order);

 protected:
  bool event(QEvent*) override;

 private:
  struct Cell {
    QLabel* caption;
    ValueLabel* value;
  };
  Cell addCell(const QString& caption, const QString& explanation, int characters);
  void refresh();
  void restyle();

  Document& m_document;
  Analyst& m_analyst;
  ValueLabel* m_name;
  QSpinBox* m_order;
  QList<Cell> m_cells;
  Cell m_modes, m_error, m_certificate, m_ratio, m_lag, m_hinf, m_beyond, m_radius;
};

}  // namespace app
