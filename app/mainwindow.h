// The window: joins document, jobs and analyst with panels and plots. Holds no numbers of its own.
#pragma once

#include <QMainWindow>

#include "app/analyst.h"
#include "app/comparison.h"
#include "app/document.h"
#include "app/generation.h"
#include "app/jobs.h"
#include "app/planner.h"
#include "app/survey.h"

class QActionGroup;
class QComboBox;
class QDoubleSpinBox;
class QMenu;
class QStackedWidget;

namespace app {

class Banner;
class ComparePanel;
class FilterPanel;
class FitStrip;
class GenerationPanel;
class JobsBar;
class PlotDeck;
class StartPage;
class ValueLabel;

class MainWindow : public QMainWindow {
  Q_OBJECT

 public:
  enum class Preset { filters, order, speed };

  explicit MainWindow(QWidget* parent = nullptr);
  ~MainWindow() override;

  void open(const QString& path);
  void showPreset(Preset);

  Document& document() { return m_document; }
  Jobs& jobs() { return m_jobs; }
  Analyst& analyst() { return m_analyst; }
  Survey& survey() { return m_survey; }
  GenerationRun& generation() { return m_generation; }
  Planner& planner() { return m_planner; }
  Comparison& comparison() { return m_comparison; }
  PlotDeck& plots() { return *m_plots; }
  FilterPanel& filters() { return *m_filters; }
  Banner& banner() { return *m_banner; }

 protected:
  void dragEnterEvent(QDragEnterEvent*) override;
  void dropEvent(QDropEvent*) override;
  void closeEvent(QCloseEvent*) override;

 private:
  void buildPanels();
  void buildActions();
  void buildToolBar();
  void buildStatusBar();
  void connectParts();
  QDockWidget* addPanel(const QString& name, const QString& title, QWidget*, bool named);
  void chooseFile();
  void openSample();
  void refreshRecents();
  void showOpened();
  void applyOrder(int order);
  std::vector<int> rowsOfScope() const;
  void refreshTotals();
  void chooseExport();
  void setScheme(int scheme);

  Jobs m_jobs;
  Document m_document;
  Analyst m_analyst;
  Survey m_survey;
  GenerationRun m_generation;
  Planner m_planner;
  Comparison m_comparison;

  StartPage* m_start = nullptr;
  Banner* m_banner = nullptr;
  FilterPanel* m_filters = nullptr;
  FitStrip* m_strip = nullptr;
  PlotDeck* m_plots = nullptr;
  GenerationPanel* m_generate = nullptr;
  ComparePanel* m_compare = nullptr;
  QDockWidget *m_filtersDock = nullptr, *m_generateDock = nullptr, *m_compareDock = nullptr;
  QList<QDockWidget*> m_plotDocks;  // impulse, spectrum, Hankel, poles
  QToolBar* m_stripBar = nullptr;
  QComboBox* m_scope = nullptr;
  QDoubleSpinBox* m_tolerance = nullptr;
  QAction* m_export = nullptr;
  QMenu* m_recentMenu = nullptr;
  QActionGroup* m_presetGroup = nullptr;
  ValueLabel* m_totals = nullptr;
};

}  // namespace app
