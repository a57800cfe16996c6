// The speed panel: prompt and sampling on the left, a lane per model, token time and memory over position.
#pragma once

#include <QElapsedTimer>
#include <QWidget>
#include <optional>
#include <vector>

#include "app/document.h"
#include "app/effectstudy.h"
#include "app/generation.h"

class QLabel;
class QTabWidget;
class QVBoxLayout;

namespace widgets {
class LanePlot;
class Plot;
class RooflinePlot;
}  // namespace widgets

namespace app {

class GenerationControls;
class LaneView;

class GenerationPanel : public QWidget {
  Q_OBJECT

 public:
  GenerationPanel(Document&, GenerationRun&, QWidget* parent = nullptr);

  // Starts a run with the settings shown.
  void start();
  // Measures the throughput of the lanes over the batch.
  void sweep();
  // Everything that can be set, on the left.
  GenerationControls& controls() { return *m_controls; }
  // What the plan costs the model, as it was measured; none: nothing is said of it.
  void tellEffect(const std::optional<PlanEffect>&);
  // Talk mode: lanes and plots alone, without controls.
  void setTalking(bool);
  // Token time, memory, roofline and throughput over the batch, with their names.
  std::vector<std::pair<QString, widgets::Plot*>> plots() const;
  // Asks for a file and writes the run (JSON or CSV).
  void chooseSave();

 Q_SIGNALS:
  void saved(const QString& path);
  void failed(const QString& sentence);

 protected:
  bool event(QEvent*) override;

 private:
  void refreshState();
  void beginPlots();
  void showPlots();
  void refreshLanes();
  void refreshPlots();
  void refreshRoofline();
  void refreshSweep();
  void restyle();

  Document& m_document;
  GenerationRun& m_run;
  GenerationControls* m_controls;
  std::vector<LaneView*> m_lanes;  // original, distilled, Transformer
  widgets::LanePlot *m_times, *m_memory, *m_sweep;
  widgets::RooflinePlot* m_roofline;
  QVBoxLayout* m_right;
  QTabWidget* m_limits;  // roofline and sweep
  QLabel *m_provenance, *m_identical, *m_effect;
  QElapsedTimer m_roofClock;
  std::vector<std::size_t> m_plotted;  // tokens of each lane already in the plots
  int m_shown = 0;                     // number of the run they are of
  bool m_talking = false;
};

}  // namespace app
