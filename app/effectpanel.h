// The panel of the effect on the model: text and tolerance, the plan in large numbers, the curve over orders, the
// layers one by one, and the smallest plan within the tolerance as one button.
#pragma once

#include <QWidget>

#include "app/effectstudy.h"
#include "app/sessionstate.h"

class QDoubleSpinBox;
class QLabel;
class QPushButton;
class QSpinBox;
class QTableWidget;

namespace widgets {
class BigNumber;
class EffectPlot;
}  // namespace widgets

namespace app {

class EffectPanel : public QWidget {
  Q_OBJECT

 public:
  EffectPanel(Document&, EffectStudy&, QWidget* parent = nullptr);

  void measure();
  void choosePlan();
  EffectSettings settings() const;
  SavedEffect controls() const;
  void restore(const SavedEffect&);
  // Talk mode: the numbers and the curve, without controls and table.
  void setTalking(bool);
  widgets::EffectPlot& plot() const { return *m_plot; }

 protected:
  bool event(QEvent*) override;

 private:
  QWidget* buildControls();
  void chooseText();
  void setText(const QString& path);
  void refresh();
  void restyle();

  Document& m_document;
  EffectStudy& m_study;
  QString m_text;
  QPushButton *m_textButton, *m_measure, *m_choose, *m_cancel;
  QSpinBox* m_windows;
  QDoubleSpinBox* m_tolerance;
  widgets::BigNumber *m_original, *m_added, *m_kl, *m_states;
  widgets::EffectPlot* m_plot;
  QWidget* m_controls;
  QTableWidget* m_layers;
  QLabel *m_remark, *m_provenance;
  bool m_talking = false;
};

}  // namespace app
