#include "app/mainwindow.h"

#include <QActionGroup>
#include <QApplication>
#include <QCloseEvent>
#include <QComboBox>
#include <QDockWidget>
#include <QDoubleSpinBox>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QMenuBar>
#include <QMimeData>
#include <QSettings>
#include <QTableView>
#include <QToolBar>
#include <QTreeWidget>
#include <QVBoxLayout>

#include <QStatusBar>

#include "app/appearance.h"
#include "app/bankpanel.h"
#include "app/banner.h"
#include "app/comparepanel.h"
#include "app/docktitle.h"
#include "app/effectpanel.h"
#include "app/filterpanel.h"
#include "app/fitstrip.h"
#include "app/forecast.h"
#include "app/generationpanel.h"
#include "app/jobsbar.h"
#include "app/plotdeck.h"
#include "app/recents.h"
#include "app/resources.h"
#include "app/sessionfile.h"
#include "app/settingspanel.h"
#include "app/startpage.h"
#include "app/talkbar.h"
#include "app/tensortree.h"
#include "app/tour.h"
#include "app/valuelabel.h"
#include "widgets/format.h"
#include "widgets/hankelplot.h"

namespace app {

MainWindow::MainWindow(QWidget* parent)
    : QMainWindow(parent),
      m_document(m_jobs),
      m_analyst(m_document, m_jobs),
      m_optimality(m_analyst, m_jobs),
      m_survey(m_document, m_jobs),
      m_generation(m_document, m_jobs),
      m_planner(m_document, m_jobs),
      m_comparison(m_document, m_analyst, m_jobs),
      m_effectStudy(m_document, m_jobs, m_generation),
      m_reference(m_document, m_analyst, m_jobs),
      m_journal([this] { return state(); }) {
  setObjectName(QStringLiteral("mainWindow"));
  setWindowTitle(tr("Polecat"));
  setAcceptDrops(true);
  setDockNestingEnabled(true);
  resize(1480, 920);
  restoreGeometry(QSettings().value(QStringLiteral("windowGeometry")).toByteArray());
  buildPanels();
  buildActions();
  buildToolBar();
  buildStatusBar();
  connectParts();
  watchSettings();
  refreshRecents();
  showOpened();
  offerLeftover();
}

MainWindow::~MainWindow() {
  m_journal.close();
  // Panels look at members of this class while they are torn down; jobs post to it. End those first.
  m_generation.cancel();
  m_jobs.cancelAll();
  m_jobs.wait();
}

QDockWidget* MainWindow::addPanel(const QString& name, const QString& title, QWidget* content, bool named) {
  auto* dock = new QDockWidget(title, this);
  dock->setObjectName(name);
  dock->setWidget(content);
  dock->setAccessibleName(title);
  dock->setTitleBarWidget(new DockTitle(dock, named));
  return dock;
}

void MainWindow::buildPanels() {
  m_start = new StartPage;
  setCentralWidget(m_start);
  m_filters = new FilterPanel(m_document, m_survey);
  m_strip = new FitStrip(m_document, m_analyst);
  m_plots = new PlotDeck(m_document, m_analyst, this);
  m_generate = new GenerationPanel(m_document, m_generation);
  m_effect = new EffectPanel(m_document, m_effectStudy);

  m_filtersDock = addPanel(QStringLiteral("filters"), tr("Filters"), m_filters, true);
  m_compare = new ComparePanel(m_comparison, m_analyst, *m_plots, m_reference);
  m_compareDock = addPanel(QStringLiteral("compare"), tr("Compare methods"), m_compare, true);
  m_generateDock = addPanel(QStringLiteral("generate"), tr("Generate"), m_generate, true);
  m_bank = new BankPanel(m_document, m_jobs, m_survey);
  m_bankDock = addPanel(QStringLiteral("bank"), tr("Layer map"), m_bank, true);
  m_effectDock = addPanel(QStringLiteral("effect"), tr("Effect on the model"), m_effect, true);
  for (const auto& [name, title, plot] : m_plots->panels()) m_plotDocks << addPanel(name, title, plot, false);

  addDockWidget(Qt::LeftDockWidgetArea, m_filtersDock);
  splitDockWidget(m_filtersDock, m_plotDocks[0], Qt::Horizontal);
  splitDockWidget(m_plotDocks[0], m_plotDocks[1], Qt::Horizontal);
  splitDockWidget(m_plotDocks[0], m_plotDocks[2], Qt::Vertical);
  splitDockWidget(m_plotDocks[1], m_plotDocks[3], Qt::Vertical);
  addDockWidget(Qt::BottomDockWidgetArea, m_generateDock);
  addDockWidget(Qt::BottomDockWidgetArea, m_compareDock);
  addDockWidget(Qt::BottomDockWidgetArea, m_effectDock);
  addDockWidget(Qt::BottomDockWidgetArea, m_bankDock);
  m_settings = new SettingsPanel(m_document, m_jobs);
  m_settingsDock = addPanel(QStringLiteral("settings"), tr("Settings of the file"), m_settings, true);
  m_tensors = new TensorTree(m_document, m_jobs);
  m_tensorsDock = addPanel(QStringLiteral("tensors"), tr("Tensors"), m_tensors, true);
  for (QDockWidget* dock : {m_settingsDock, m_tensorsDock}) addDockWidget(Qt::BottomDockWidgetArea, dock);
  for (QDockWidget* dock : {m_bankDock, m_compareDock, m_effectDock, m_settingsDock, m_tensorsDock}) dock->hide();
}

void MainWindow::connectParts() {
  connect(&m_document, &Document::openingStarted, m_banner, &Banner::dismiss);
  connect(&m_document, &Document::opened, this, &MainWindow::showOpened);
  connect(&m_document, &Document::openFailed, this, [this](const QString& path, const QString& sentence) {
    m_banner->tell(sentence);
    if (!QFileInfo::exists(path)) {
      recents::remove(path);
      refreshRecents();
    }
  });
  connect(&m_document, &Document::ordersChanged, this, &MainWindow::refreshTotals);
  connect(&m_document, &Document::locksChanged, this, &MainWindow::refreshTotals);
  connect(&m_document, &Document::changedOnDisk, this, [this](const QString& path) {
    m_banner->tell(tr("%1 changed on disk since it was opened; press F5 to read it again.").arg(path));
  });
  connect(m_settings, &SettingsPanel::failed, m_banner, &Banner::tell);
  connect(m_tensors, &TensorTree::failed, m_banner, &Banner::tell);
  connect(&m_analyst, &Analyst::failed, m_banner, &Banner::tell);
  connect(&m_optimality, &Optimality::changed, this,
          [this] { m_plots->hankel().setOrderRemark(m_analyst.shownOrder(), m_optimality.words()); });
  connect(&m_generation, &GenerationRun::failed, m_banner, &Banner::tell);
  connect(&m_generation, &GenerationRun::stateChanged, this, [this] {
    m_survey.setHeld(m_generation.active());
    m_optimality.setHeld(m_generation.active());
  });
  connect(&m_planner, &Planner::failed, m_banner, &Banner::tell);
  connect(&m_journal, &Journal::failed, m_banner, &Banner::tell);
  connect(&m_document.undoStack(), &QUndoStack::cleanChanged, this, [this](bool clean) { setWindowModified(!clean); });
  connect(&m_document, &Document::lockRefused, this, [this](int row) {
    statusBar()->showMessage(tr("Filter %1 is locked: K unlocks it").arg(m_document.filterName(row)), 8000);
  });
  connect(&m_reference, &Reference::failed, m_banner, &Banner::tell);
  connect(&m_reference, &Reference::told, this,
          [this](const QString& sentence) { statusBar()->showMessage(sentence, 8000); });
  connect(m_bank, &BankPanel::failed, m_banner, &Banner::tell);
  connect(m_bank, &BankPanel::brushed, this, [this](const QString& search) {
    m_filtersDock->show();
    m_filters->searchLine()->setText(search);
  });
  connect(&m_effectStudy, &EffectStudy::failed, m_banner, &Banner::tell);
  connect(&m_effectStudy, &EffectStudy::changed, this, [this] {
    const auto& plan = m_effectStudy.plan();
    m_generate->tellEffect(plan && !m_effectStudy.stale() ? plan : std::nullopt);
  });
  connect(&m_effectStudy, &EffectStudy::planTaken, this,
          [this](const QString& sentence) { statusBar()->showMessage(sentence, 15000); });
  connect(m_generate, &GenerationPanel::failed, m_banner, &Banner::tell);
  connect(m_generate, &GenerationPanel::saved, this,
          [this](const QString& path) { statusBar()->showMessage(tr("Written: %1").arg(path), 8000); });
  connect(&m_planner, &Planner::exported, this,
          [this](const QString& path, const QString& sharing) {
            sharing.isEmpty() ? statusBar()->showMessage(tr("Written: %1").arg(path), 8000)
                              : statusBar()->showMessage(tr("Written: %1. %2").arg(path, sharing), 30000);
          });
  connect(m_strip, &FitStrip::orderChosen, this, &MainWindow::applyOrder);
  connect(m_plots, &PlotDeck::modeTold, m_strip, &FitStrip::tellMode);
  connect(m_plots, &PlotDeck::orderChosen, this,
          [this](int order) { m_document.setOrder({m_document.selectedRow()}, order); });
  connect(m_start, &StartPage::openRequested, this, &MainWindow::chooseFile);
  connect(m_start, &StartPage::sampleRequested, this, &MainWindow::openSample);
  connect(m_start, &StartPage::tourRequested, this, &MainWindow::startTour);
  connect(m_start, &StartPage::recentRequested, this, &MainWindow::open);
  connect(m_start, &StartPage::resumeRequested, this, [this] {
    const auto leftover = m_journal.leftover();
    if (!leftover) return;
    openSession(leftover->path);
    if (leftover->crashed) m_taken = leftover;
  });
  connect(m_start, &StartPage::forgetRequested, this, [this] {
    if (const auto leftover = m_journal.leftover()) m_journal.discard(*leftover);
    offerLeftover();
  });
}

void MainWindow::open(const QString& path) {
  m_pending.reset();
  m_taken.reset();
  if (path.endsWith(QLatin1String(sessionSuffix))) return openSession(path);
  m_sessionPath.clear();
  m_document.open(path);
}

void MainWindow::chooseFile() {
  const QString folder = QFileInfo(m_document.path()).absolutePath();
  const QString path =
      QFileDialog::getOpenFileName(this, tr("Open a checkpoint"), m_document.path().isEmpty() ? QString() : folder,
                                   tr("Checkpoints and sessions (*.ckpt *.pt *.pth *.bin *.safetensors *.json *.npy *.npz *.h5 *.polecat);;All files (*)"));
  if (!path.isEmpty()) open(path);
}

void MainWindow::chooseExport(int filtersPerPoleSet) {
  const QString suggestion = QFileInfo(m_document.path()).absolutePath() + QLatin1Char('/') +
                             QFileInfo(m_document.path()).completeBaseName() + QStringLiteral("-distilled.safetensors");
  const QString path = QFileDialog::getSaveFileName(this, tr("Export the distilled models"), suggestion,
                                                    tr("safetensors (*.safetensors);;HDF5 (*.h5);;PyTorch (*.pt)"));
  if (!path.isEmpty()) m_planner.exportDistilled(path, filtersPerPoleSet);
}

void MainWindow::openSample() {
  try {
    open(QString::fromStdString(resource("sample/novels-hyena-1m.ckpt").string()));
  } catch (const std::exception& error) {
    m_banner->tell(QString::fromUtf8(error.what()));
  }
}

void MainWindow::showOpened() {
  const bool isOpen = m_document.checkpoint() != nullptr;
  m_start->setVisible(!isOpen);
  m_stripBar->setVisible(isOpen);
  m_presetGroup->setEnabled(isOpen);
  m_talkAction->setEnabled(isOpen);
  m_scope->setEnabled(isOpen);
  m_tolerance->setEnabled(isOpen);
  for (QAction* action : {m_readAgain, m_export, m_save, m_saveAs}) action->setEnabled(isOpen);
  for (const char* name : {"plan.tolerance", "plan.budget", "plan.lock", "plan.measure", "plan.byLoss",
                           "generate.start", "generate.sweep"})
    findChild<QAction*>(QLatin1String(name))->setEnabled(isOpen);
  if (isOpen) {
    recents::add(m_document.path());
    refreshRecents();
    setWindowTitle(tr("%1[*] – Polecat").arg(QFileInfo(m_document.path()).fileName()));
    setWindowFilePath(m_document.path());
    if (m_filtersDock->isHidden() && m_plotDocks[0]->isHidden() && m_generateDock->isHidden() &&
        m_effectDock->isHidden())
      showPreset(Preset::filters);
    const QWidget* focus = QApplication::focusWidget();
    const bool reading = focus && (m_settingsDock->isAncestorOf(focus) || m_tensorsDock->isAncestorOf(focus));
    if (!reading) m_filters->table()->setFocus();
    if (m_document.filterCount() == 0) {  // the tensors are all there is to look at
      for (QDockWidget* dock : findChildren<QDockWidget*>()) dock->setVisible(dock == m_tensorsDock);
      m_stripBar->hide();
      m_tensors->tree()->setFocus();
    }
    checkFingerprint();
    // Queued: the document selects its first filter after it has told that it is open.
    if (m_pending) QMetaObject::invokeMethod(this, [this] { if (m_pending) apply(*std::exchange(m_pending, {})); }, Qt::QueuedConnection);
  } else {
    m_filtersDock->hide();
    for (QDockWidget* dock : {m_generateDock, m_compareDock, m_effectDock, m_bankDock, m_settingsDock, m_tensorsDock})
      dock->hide();
    for (QDockWidget* dock : m_plotDocks) dock->hide();
  }
  refreshTotals();
}

void MainWindow::showPreset(Preset preset) {
  if (!m_document.checkpoint()) return;
  const bool speed = preset == Preset::speed, effect = preset == Preset::effect, plots = !speed && !effect;
  const QPointer<QWidget> focused = QApplication::focusWidget();
  // What goes is hidden before what comes is shown: both together may need more room than the screen has, and a window
  // that has grown stays so.
  const bool table = plots && (!m_talking || preset == Preset::filters);
  if (!table) m_filtersDock->hide();
  if (!speed) m_generateDock->hide();
  if (!effect) m_effectDock->hide();
  if (!plots)
    for (QDockWidget* dock : m_plotDocks + QList<QDockWidget*>{m_compareDock, m_bankDock}) dock->hide();
  m_stripBar->setVisible(plots && !m_talking);
  m_strip->setStoryVisible(preset == Preset::order);
  m_talkBar->setVisible(m_talking && !effect);  // the effect has large numbers of its own
  m_talk->showSpeed(speed);
  m_filtersDock->setVisible(table);
  for (QDockWidget* dock : m_plotDocks) dock->setVisible(plots);
  m_generateDock->setVisible(speed);
  m_effectDock->setVisible(effect);
  const int w = width(), h = height();
  if (plots) {
    const int wide = m_filtersDock->isHidden() ? 0 : preset == Preset::filters ? w * 38 / 100 : w * 23 / 100;
    if (wide > 0) resizeDocks({m_filtersDock}, {wide}, Qt::Horizontal);
    resizeDocks({m_plotDocks[0], m_plotDocks[1]}, {(w - wide) / 2, (w - wide) / 2}, Qt::Horizontal);
    const int top = preset == Preset::filters ? 50 : 42;
    resizeDocks({m_plotDocks[0], m_plotDocks[2]}, {h * top / 100, h * (100 - top) / 100}, Qt::Vertical);
    resizeDocks({m_plotDocks[1], m_plotDocks[3]}, {h * top / 100, h * (100 - top) / 100}, Qt::Vertical);
  }
  if (m_presetGroup) m_presetGroup->actions().at(static_cast<int>(preset))->setChecked(true);
  // Qt gives the keyboard of what was hidden to the next in the chain, a box of the tool bar.
  if (focused && focused->isVisible()) return;
  QWidget* next = speed ? m_generate->findChild<QWidget*>(QStringLiteral("generateStart"))
                  : effect ? m_effect->findChild<QWidget*>(QStringLiteral("effectMeasure"))
                  : table  ? static_cast<QWidget*>(m_filters->table())
                           : &m_plots->hankel();
  next->setFocus(Qt::OtherFocusReason);
}

std::vector<int> MainWindow::rowsOfScope() const {
  const int row = m_document.selectedRow();
  if (row < 0) return {};
  switch (m_scope->currentIndex()) {
    case 1: {
      std::vector<int> rows = m_filters->selectedRows();
      return rows.empty() ? std::vector<int>{row} : rows;
    }
    case 2:
      return m_document.bankRows(row);
    case 3:
      return m_document.allRows();
    default:
      return {row};
  }
}

void MainWindow::applyOrder(int order) {
  m_document.setOrder(rowsOfScope(), order);
}

void MainWindow::refreshTotals() {
  if (!m_document.checkpoint()) return m_totals->setText(tr("No model open"));
  if (m_document.filterCount() == 0)
    return m_totals->setText(tr("%1 tensors, none taken for filters")
                                 .arg(widgets::count(static_cast<long long>(
                                     m_document.checkpoint()->tensors().tensors().size()))));
  long long cacheFloats = 0;
  for (const analysis::Bank& bank : m_document.checkpoint()->banks())
    cacheFloats += static_cast<long long>(bank.channels) * bank.lengthSamples;
  const long long states = m_document.totalStates();
  const int locked = m_document.lockedCount();
  const int filters = m_document.filterCount();
  m_totals->setText(tr("%1   ·   %2 states   ·   %3 per sequence (convolution %4)%5")
                        .arg((filters == 1 ? tr("%1 filter") : tr("%1 filters")).arg(widgets::count(filters)), widgets::count(states),
                             widgets::bytes(4.0 * static_cast<double>(states)),
                             widgets::bytes(4.0 * static_cast<double>(cacheFloats)),
                             locked > 0 ? tr("   ·   %1 locked").arg(widgets::count(locked)) : QString()) +
                    forecast());
}

QString MainWindow::forecast() const {
  constexpr int position = 4096;
  const auto speedUp = forecastSpeedUp(*m_document.checkpoint(), m_document.orders(), position);
  return speedUp ? tr("   ·   predicted %1 at T = 4k").arg(widgets::ratio(*speedUp)) : QString();
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (event->mimeData()->hasUrls() && event->mimeData()->urls().front().isLocalFile()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
  event->acceptProposedAction();
  open(event->mimeData()->urls().front().toLocalFile());
}

void MainWindow::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Escape && m_talking) return setTalking(false);
  QMainWindow::keyPressEvent(event);
}

void MainWindow::closeEvent(QCloseEvent* event) {
  setTalking(false);
  QSettings().setValue(QStringLiteral("windowGeometry"), saveGeometry());
  m_generation.cancel();
  m_jobs.cancelAll();
  QMainWindow::closeEvent(event);
}

}  // namespace app
