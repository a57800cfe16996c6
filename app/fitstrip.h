// One line that says what the shown fit is worth: the filter, its order (a spin box), error, certificate, worst places;
// and below it, where an order is chosen, the same as a sentence.
#pragma once

#include <QList>
#include <QWidget>

#include "app/analyst.h"
#include "app/document.h"
#include "app/valuelabel.h"

class QHBoxLayout;
class QLabel;
class QSpinBox;

namespace app {

class FitStrip : public QWidget {
  Q_OBJECT

 public:
  FitStrip(Document&, Analyst&, QWidget* parent = nullptr);
  QSpinBox* orderBox() const { return m_order; }
  // What the states stand for and what nobody could do better, in words.
  void setStoryVisible(bool);
  // Shown instead of the story while a pole is pointed at; empty brings the story back.
  void tellMode(const QString& sentence);

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
  QString story() const;
  void restyle();

  Document& m_document;
  Analyst& m_analyst;
  ValueLabel* m_name;
  QSpinBox* m_order;
  QHBoxLayout* m_row;
  ValueLabel* m_story;
  QString m_mode;
  QList<Cell> m_cells;
  Cell m_modes, m_error, m_certificate, m_ratio, m_lag, m_hinf, m_beyond, m_radius;
};

}  // namespace app
