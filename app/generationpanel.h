// The speed panel: prompt and sampling on the left, a lane per model, token time and memory over position.
#pragma once

#include <QElapsedTimer>
#include <QWidget>
#include <vector>

#include "app/document.h"
#include "app/generation.h"
#include "app/sessionstate.h"

class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QPlainTextEdit;
class QPushButton;
class QSpinBox;

namespace widgets {
class LanePlot;
class Plot;
class RooflinePlot;
}  // namespace widgets

namespace app {

class LaneView;

class GenerationPanel : public QWidget {
  Q_OBJECT

 public:
  GenerationPanel(Document&, GenerationRun&, QWidget* parent = nullptr);

  // Starts a run with the settings shown.
  void start();
  GenerationSettings settings() const;
  // What the controls hold, for a session.
  SavedGeneration controls() const;
  void restore(const SavedGeneration&);
  // Talk mode: lanes and plots alone, without controls.
  void setTalking(bool);
  // Token time, memory and roofline, with their names.
  std::vector<std::pair<QString, widgets::Plot*>> plots() const;
  // Asks for a file and writes the run (JSON or CSV).
  void chooseSave();

 Q_SIGNALS:
  void saved(const QString& path);
  void failed(const QString& sentence);

 protected:
  bool event(QEvent*) override;

 private:
  QWidget* buildControls();
  void refreshState();
  void refreshLanes();
  void refreshPlots();
  void refreshRoofline();
  void chooseTransformer(int index);
  QString transformer() const;
  void setTransformer(const QString&);
  void restyle();

  Document& m_document;
  GenerationRun& m_run;
  QPlainTextEdit* m_prompt;
  QSpinBox *m_tokens, *m_seed, *m_topK, *m_batch;
  QDoubleSpinBox *m_temperature, *m_topP;
  QPushButton *m_start, *m_pause, *m_cancel;
  QPushButton* m_save;
  QComboBox* m_transformer;
  QWidget* m_controls;
  std::vector<LaneView*> m_lanes;  // original, distilled, Transformer
  widgets::LanePlot *m_times, *m_memory;
  widgets::RooflinePlot* m_roofline;
  QLabel *m_provenance, *m_identical;
  QElapsedTimer m_roofClock;
  std::vector<std::size_t> m_plotted;  // tokens of each lane already in the plots
};

}  // namespace app
