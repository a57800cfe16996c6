// The window: joins document, jobs and analyst with panels and plots. Holds no numbers of its own.
#pragma once

#include <QMainWindow>
#include <QPointer>
#include <functional>
#include <optional>

#include "app/analyst.h"
#include "app/comparison.h"
#include "app/document.h"
#include "app/effectstudy.h"
#include "app/generation.h"
#include "app/jobs.h"
#include "app/journal.h"
#include "app/optimality.h"
#include "app/planner.h"
#include "app/reference.h"
#include "app/sound.h"
#include "app/survey.h"

class QActionGroup;
class QComboBox;
class QDoubleSpinBox;
class QMenu;
class QStackedWidget;

namespace widgets {
class CommandPalette;
class Plot;
}  // namespace widgets

namespace app {

class Banner;
class BankPanel;
class ComparePanel;
class EffectPanel;
class FigureDialog;
class FilterPanel;
class FitStrip;
class GenerationPanel;
class JobsBar;
class PlotDeck;
class SettingsPanel;
struct Report;
class StartPage;
class TalkBar;
class TensorTree;
class Tour;
class ValueLabel;

class MainWindow : public QMainWindow {
  Q_OBJECT

 public:
  enum class Preset { filters, order, speed, effect };

  explicit MainWindow(QWidget* parent = nullptr);
  ~MainWindow() override;

  // A checkpoint, or a session (.polecat).
  void open(const QString& path);
  void openSession(const QString& path);
  void saveSession(const QString& path);
  // Everything a session keeps, as it is now; no checkpoint while none is open.
  SessionState state() const;
  // Opens the state's checkpoint and takes the rest over once it is open. A checkpoint that is not where it was is
  // asked for once; without an answer nothing changes.
  void resume(const SessionState&);
  // As CSV: the filters the table shows, or what the plot with the focus shows.
  void exportTable(const QString& path, bool ofPlot);
  // The layer of the selected filter as one page of HTML or PDF.
  void exportReport(const QString& path);
  // Replaces the dialog that asks where a missing file is; an empty answer gives up.
  void setFileQuestion(std::function<QString(const QString& missing)> ask) { m_askForFile = std::move(ask); }
  void showPreset(Preset);
  // Full screen for a lecture hall: large, high contrast, without menus, bars and controls. F11; Escape ends it.
  void setTalking(bool);
  bool talking() const { return m_talking; }

  Document& document() { return m_document; }
  Jobs& jobs() { return m_jobs; }
  Analyst& analyst() { return m_analyst; }
  Optimality& optimality() { return m_optimality; }
  Survey& survey() { return m_survey; }
  GenerationRun& generation() { return m_generation; }
  Planner& planner() { return m_planner; }
  EffectStudy& effect() { return m_effectStudy; }
  Reference& reference() { return m_reference; }
  Journal& journal() { return m_journal; }
  Comparison& comparison() { return m_comparison; }
  PlotDeck& plots() { return *m_plots; }
  FilterPanel& filters() { return *m_filters; }
  Banner& banner() { return *m_banner; }
  // Every action there is: those of the menus, and those of the plot that had the focus last.
  QList<QAction*> actionsListed() const;

 protected:
  void dragEnterEvent(QDragEnterEvent*) override;
  void dropEvent(QDropEvent*) override;
  void closeEvent(QCloseEvent*) override;
  void keyPressEvent(QKeyEvent*) override;

 private:
  void buildPanels();
  void buildActions();
  void buildFileMenu(QMenu* file, QMenu* edit);
  void buildEditMenu(QMenu*);
  void buildViewMenu();
  void buildPlanMenu();
  void buildEffectActions(QMenu* plan);
  void buildFitWeightActions(QMenu* plan);
  void buildRunMenu();
  void buildHelpMenu();
  void buildExportActions(QMenu* file, QMenu* edit);
  // Gives an action its name, sentence, key and deed.
  QAction* explained(QAction*, const char* name, const QString& explanation, const QKeySequence& key,
                     std::function<void()> deed);
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
  // How much faster the plan would generate, for the totals; empty without a language model.
  QString forecast() const;
  // Neighbours that share poles; 0: none.
  void chooseExport(int filtersPerPoleSet = 0);
  void buildSharedExports(QMenu* file);
  FigureDialog* figureDialog();
  void showFigureDialog();
  void chooseTable(bool ofPlot);
  void chooseReport();
  Report layerReport() const;
  QString inspectText() const;
  QString plotText() const;
  QString distillText() const;
  QString toleranceText() const;
  QString compareText() const;
  QString generateText() const;
  QString evaluateText() const;
  void chooseSession();
  void apply(const SessionState&);
  void checkFingerprint();
  void offerLeftover();
  QList<QAction*> plotSwitches() const;
  void setScheme(int scheme);
  void showPalette();
  void showKeys();
  void startTour();
  void hearFilter();
  void chooseSound();
  void focusPanel(int step);
  void toggleLock();
  void chooseOther();
  void askBudget();
  void askCacheSize();
  void showFitWeight();
  void askBand();
  void weighByBand(double low, double high);
  void chooseHeardText();
  // In a job; `restoring`: of a session, so no undoable step.
  void weighByText(const QString& path, bool restoring);
  // Makes changes of tolerance and compared methods undoable.
  void watchSettings();

  Jobs m_jobs;
  Document m_document;
  Analyst m_analyst;
  Optimality m_optimality;
  Survey m_survey;
  GenerationRun m_generation;
  Planner m_planner;
  Comparison m_comparison;
  EffectStudy m_effectStudy;
  Reference m_reference;
  Sound m_sound;
  Journal m_journal;
  QString m_sessionPath, m_fingerprint;
  bool m_restoring = false;  // settings are being set by undo or a session: no new step
  double m_toleranceBefore = 0;
  QString m_methodsBefore;
  std::optional<Leftover> m_taken;  // the journal being taken up
  std::optional<SessionState> m_pending;  // to be taken over when its checkpoint is open
  std::function<QString(const QString&)> m_askForFile;

  StartPage* m_start = nullptr;
  Banner* m_banner = nullptr;
  FilterPanel* m_filters = nullptr;
  FitStrip* m_strip = nullptr;
  PlotDeck* m_plots = nullptr;
  GenerationPanel* m_generate = nullptr;
  ComparePanel* m_compare = nullptr;
  EffectPanel* m_effect = nullptr;
  BankPanel* m_bank = nullptr;
  SettingsPanel* m_settings = nullptr;
  TensorTree* m_tensors = nullptr;
  QDockWidget *m_filtersDock = nullptr, *m_generateDock = nullptr, *m_compareDock = nullptr, *m_effectDock = nullptr, *m_bankDock = nullptr;
  QDockWidget *m_settingsDock = nullptr, *m_tensorsDock = nullptr;
  QList<QDockWidget*> m_plotDocks;  // impulse, spectrum, Hankel, poles
  QToolBar *m_stripBar = nullptr, *m_toolBar = nullptr, *m_talkBar = nullptr;
  TalkBar* m_talk = nullptr;
  bool m_talking = false;
  QByteArray m_layoutBeforeTalk;
  QRect m_geometryBeforeTalk;
  Qt::WindowStates m_statesBeforeTalk;
  Preset m_presetBeforeTalk = Preset::filters;
  QComboBox* m_scope = nullptr;
  QDoubleSpinBox* m_tolerance = nullptr;
  QAction* m_talkAction = nullptr;
  QAction *m_readAgain = nullptr, *m_export = nullptr, *m_save = nullptr, *m_saveAs = nullptr;
  QMenu* m_recentMenu = nullptr;
  QActionGroup *m_presetGroup = nullptr, *m_fitWeightGroup = nullptr;
  ValueLabel* m_totals = nullptr;
  widgets::CommandPalette* m_palette = nullptr;
  QPointer<widgets::Plot> m_lastPlot;
  QPointer<Tour> m_tour;
};

}  // namespace app
