// The speed panel: prompt and sampling on the left, a lane per model, token time and memory over position.
#pragma once

#include <QWidget>
#include <vector>

#include "app/document.h"
#include "app/generation.h"

class QDoubleSpinBox;
class QLabel;
class QPlainTextEdit;
class QPushButton;
class QSpinBox;

namespace widgets {
class LanePlot;
}

namespace app {

class LaneView;

class GenerationPanel : public QWidget {
  Q_OBJECT

 public:
  GenerationPanel(Document&, GenerationRun&, QWidget* parent = nullptr);

  // Starts a run with the settings shown.
  void start();
  GenerationSettings settings() const;

 protected:
  bool event(QEvent*) override;

 private:
  QWidget* buildControls();
  void refreshState();
  void refreshLanes();
  void refreshPlots();
  void restyle();

  Document& m_document;
  GenerationRun& m_run;
  QPlainTextEdit* m_prompt;
  QSpinBox *m_tokens, *m_seed, *m_topK, *m_batch;
  QDoubleSpinBox *m_temperature, *m_topP;
  QPushButton *m_start, *m_pause, *m_cancel;
  std::vector<LaneView*> m_lanes;
  widgets::LanePlot *m_times, *m_memory;
  QLabel *m_provenance, *m_identical;
  std::vector<std::size_t> m_plotted;  // tokens of each lane already in the plots
};

}  // namespace app
