#include "app/mainwindow.h"

#include <QActionGroup>
#include <QCloseEvent>
#include <QComboBox>
#include <QDockWidget>
#include <QDoubleSpinBox>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QMimeData>
#include <QSettings>
#include <QTableView>
#include <QToolBar>
#include <QVBoxLayout>

#include <QStatusBar>

#include "app/banner.h"
#include "app/comparepanel.h"
#include "app/docktitle.h"
#include "app/filterpanel.h"
#include "app/fitstrip.h"
#include "app/generationpanel.h"
#include "app/jobsbar.h"
#include "app/plotdeck.h"
#include "app/recents.h"
#include "app/resources.h"
#include "app/startpage.h"
#include "app/valuelabel.h"
#include "widgets/format.h"

namespace app {

MainWindow::MainWindow(QWidget* parent)
    : QMainWindow(parent),
      m_document(m_jobs),
      m_analyst(m_document, m_jobs),
      m_survey(m_document, m_jobs),
      m_generation(m_document, m_jobs),
      m_planner(m_document, m_jobs),
      m_comparison(m_document, m_analyst, m_jobs) {
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
  refreshRecents();
  showOpened();
}

MainWindow::~MainWindow() {
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

  m_filtersDock = addPanel(QStringLiteral("filters"), tr("Filters"), m_filters, true);
  m_compare = new ComparePanel(m_comparison, m_analyst, *m_plots);
  m_compareDock = addPanel(QStringLiteral("compare"), tr("Compare methods"), m_compare, true);
  m_generateDock = addPanel(QStringLiteral("generate"), tr("Generate"), m_generate, true);
  for (const auto& [name, title, plot] : m_plots->panels()) m_plotDocks << addPanel(name, title, plot, false);

  addDockWidget(Qt::LeftDockWidgetArea, m_filtersDock);
  splitDockWidget(m_filtersDock, m_plotDocks[0], Qt::Horizontal);
  splitDockWidget(m_plotDocks[0], m_plotDocks[1], Qt::Horizontal);
  splitDockWidget(m_plotDocks[0], m_plotDocks[2], Qt::Vertical);
  splitDockWidget(m_plotDocks[1], m_plotDocks[3], Qt::Vertical);
  addDockWidget(Qt::BottomDockWidgetArea, m_generateDock);
  addDockWidget(Qt::BottomDockWidgetArea, m_compareDock);
  m_compareDock->hide();
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
  connect(&m_analyst, &Analyst::failed, m_banner, &Banner::tell);
  connect(&m_generation, &GenerationRun::failed, m_banner, &Banner::tell);
  connect(&m_planner, &Planner::failed, m_banner, &Banner::tell);
  connect(&m_planner, &Planner::exported, this,
          [this](const QString& path) { statusBar()->showMessage(tr("Written: %1").arg(path), 8000); });
  connect(m_strip, &FitStrip::orderChosen, this, &MainWindow::applyOrder);
  connect(m_plots, &PlotDeck::orderChosen, this,
          [this](int order) { m_document.setOrder({m_document.selectedRow()}, order); });
  connect(m_start, &StartPage::openRequested, this, &MainWindow::chooseFile);
  connect(m_start, &StartPage::sampleRequested, this, &MainWindow::openSample);
  connect(m_start, &StartPage::recentRequested, this, &MainWindow::open);
}

void MainWindow::open(const QString& path) {
  m_document.open(path);
}

void MainWindow::chooseFile() {
  const QString folder = QFileInfo(m_document.path()).absolutePath();
  const QString path =
      QFileDialog::getOpenFileName(this, tr("Open a checkpoint"), m_document.path().isEmpty() ? QString() : folder,
                                   tr("Checkpoints (*.ckpt *.pt *.pth *.bin *.safetensors *.json);;All files (*)"));
  if (!path.isEmpty()) open(path);
}

void MainWindow::chooseExport() {
  const QString suggestion = QFileInfo(m_document.path()).absolutePath() + QLatin1Char('/') +
                             QFileInfo(m_document.path()).completeBaseName() + QStringLiteral("-distilled.safetensors");
  const QString path = QFileDialog::getSaveFileName(this, tr("Export the distilled models"), suggestion,
                                                    tr("safetensors (*.safetensors);;HDF5 (*.h5)"));
  if (!path.isEmpty()) m_planner.exportDistilled(path);
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
  m_scope->setEnabled(isOpen);
  m_tolerance->setEnabled(isOpen);
  m_export->setEnabled(isOpen);
  if (isOpen) {
    recents::add(m_document.path());
    refreshRecents();
    setWindowTitle(tr("%1 – Polecat").arg(QFileInfo(m_document.path()).fileName()));
    setWindowFilePath(m_document.path());
    if (m_filtersDock->isHidden() && m_plotDocks[0]->isHidden() && m_generateDock->isHidden())
      showPreset(Preset::filters);
    m_filters->table()->setFocus();
  } else {
    m_filtersDock->hide();
    m_generateDock->hide();
    m_compareDock->hide();
    for (QDockWidget* dock : m_plotDocks) dock->hide();
  }
  refreshTotals();
}

void MainWindow::showPreset(Preset preset) {
  if (!m_document.checkpoint()) return;
  const bool speed = preset == Preset::speed;
  m_filtersDock->setVisible(!speed);
  for (QDockWidget* dock : m_plotDocks) dock->setVisible(!speed);
  m_generateDock->setVisible(speed);
  if (speed) m_compareDock->hide();
  m_stripBar->setVisible(!speed);
  const int w = width(), h = height();
  if (!speed) {
    const int table = preset == Preset::filters ? w * 38 / 100 : w * 23 / 100;
    resizeDocks({m_filtersDock, m_plotDocks[0], m_plotDocks[1]}, {table, (w - table) / 2, (w - table) / 2},
                Qt::Horizontal);
    const int top = preset == Preset::filters ? 50 : 42;
    resizeDocks({m_plotDocks[0], m_plotDocks[2]}, {h * top / 100, h * (100 - top) / 100}, Qt::Vertical);
    resizeDocks({m_plotDocks[1], m_plotDocks[3]}, {h * top / 100, h * (100 - top) / 100}, Qt::Vertical);
  }
  if (m_presetGroup) m_presetGroup->actions().at(static_cast<int>(preset))->setChecked(true);
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
  long long cacheFloats = 0;
  for (const analysis::Bank& bank : m_document.checkpoint()->banks())
    cacheFloats += static_cast<long long>(bank.channels) * bank.lengthSamples;
  const long long states = m_document.totalStates();
  m_totals->setText(tr("%1 filters   ·   %2 states   ·   %3 per sequence as recurrence, %4 as cached convolution "
                       "(float32, full window)")
                        .arg(widgets::count(m_document.filterCount()), widgets::count(states),
                             widgets::bytes(4.0 * static_cast<double>(states)),
                             widgets::bytes(4.0 * static_cast<double>(cacheFloats))));
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (event->mimeData()->hasUrls() && event->mimeData()->urls().front().isLocalFile()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
  event->acceptProposedAction();
  open(event->mimeData()->urls().front().toLocalFile());
}

void MainWindow::closeEvent(QCloseEvent* event) {
  QSettings().setValue(QStringLiteral("windowGeometry"), saveGeometry());
  m_generation.cancel();
  m_jobs.cancelAll();
  QMainWindow::closeEvent(event);
}

}  // namespace app
