// Actions, tool bar and status bar of the window.
#include <QActionGroup>
#include <QApplication>
#include <QComboBox>
#include <QDockWidget>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QLineEdit>
#include <QMenuBar>
#include <QSpinBox>
#include <QStatusBar>
#include <QToolBar>

#include "app/appearance.h"
#include "app/banner.h"
#include "app/filterpanel.h"
#include "app/fitstrip.h"
#include "app/generationpanel.h"
#include "app/jobsbar.h"
#include "app/mainwindow.h"
#include "app/plotdeck.h"
#include "app/recents.h"
#include "app/startpage.h"
#include "app/valuelabel.h"

namespace app {

void MainWindow::buildActions() {
  QMenu* file = menuBar()->addMenu(tr("&File"));
  file->addAction(tr("&Open…"), QKeySequence::Open, this, &MainWindow::chooseFile)
      ->setObjectName(QStringLiteral("open"));
  m_recentMenu = file->addMenu(tr("Open &recent"));
  file->addAction(tr("Open the &sample"), this, &MainWindow::openSample)->setObjectName(QStringLiteral("openSample"));
  file->addSeparator();
  m_export = file->addAction(tr("&Export distilled models…"), QKeySequence(Qt::CTRL | Qt::Key_E), this,
                             &MainWindow::chooseExport);
  file->addSeparator();
  file->addAction(tr("&Quit"), QKeySequence::Quit, this, &QWidget::close);

  QMenu* edit = menuBar()->addMenu(tr("&Edit"));
  QAction* undo = m_document.undoStack().createUndoAction(this, tr("&Undo"));
  undo->setShortcut(QKeySequence::Undo);
  QAction* redo = m_document.undoStack().createRedoAction(this, tr("&Redo"));
  redo->setShortcuts({QKeySequence::Redo, QKeySequence(Qt::CTRL | Qt::Key_Y)});
  edit->addActions({undo, redo});
  edit->addSeparator();
  QAction* find = edit->addAction(tr("&Find filters"), QKeySequence::Find, this, [this] {
    m_filtersDock->show();
    m_filters->searchLine()->setFocus(Qt::ShortcutFocusReason);
    m_filters->searchLine()->selectAll();
  });
  find->setObjectName(QStringLiteral("find"));
  edit->addAction(tr("&Order of the selected filter"), QKeySequence(Qt::CTRL | Qt::Key_L), this, [this] {
    m_strip->orderBox()->setFocus(Qt::ShortcutFocusReason);
    m_strip->orderBox()->selectAll();
  });

  QMenu* view = menuBar()->addMenu(tr("&View"));
  m_presetGroup = new QActionGroup(this);
  const struct {
    QString text;
    Qt::Key key;
    Preset preset;
  } presets[] = {{tr("&Filters"), Qt::Key_1, Preset::filters},
                 {tr("&Order"), Qt::Key_2, Preset::order},
                 {tr("&Speed"), Qt::Key_3, Preset::speed}};
  for (const auto& preset : presets) {
    QAction* action = view->addAction(preset.text, this, [this, which = preset.preset] { showPreset(which); });
    action->setShortcut(QKeySequence(preset.key));
    action->setCheckable(true);
    m_presetGroup->addAction(action);
  }
  view->addSeparator();
  for (QDockWidget* dock :
       QList<QDockWidget*>{m_filtersDock} + m_plotDocks + QList<QDockWidget*>{m_generateDock, m_compareDock})
    view->addAction(dock->toggleViewAction());
  m_compareDock->toggleViewAction()->setShortcut(QKeySequence(Qt::Key_C));
  view->addSeparator();
  view->addActions(m_plots->switches());
  view->addSeparator();
  QMenu* theme = view->addMenu(tr("&Theme"));
  auto* themes = new QActionGroup(this);
  const std::pair<QString, widgets::Scheme> schemes[] = {{tr("&Light"), widgets::Scheme::Light},
                                                         {tr("&Dark"), widgets::Scheme::Dark},
                                                         {tr("As the &system"), widgets::Scheme::System}};
  for (const auto& [text, scheme] : schemes) {
    QAction* action = theme->addAction(text, this, [this, chosen = scheme] { setScheme(static_cast<int>(chosen)); });
    action->setCheckable(true);
    action->setChecked(appearance::stored() == scheme);
    themes->addAction(action);
  }

  QMenu* run = menuBar()->addMenu(tr("&Generate"));
  run->addAction(tr("&Generate with both models"), QKeySequence(Qt::CTRL | Qt::Key_Return), this, [this] {
    showPreset(Preset::speed);
    m_generate->start();
  });
  run->addAction(tr("&Pause or resume"), QKeySequence(Qt::CTRL | Qt::Key_P), this,
                 [this] { m_generation.setPaused(!m_generation.paused()); });
  run->addAction(tr("&Cancel"), QKeySequence(Qt::CTRL | Qt::Key_Period), this, [this] { m_generation.cancel(); });
}

void MainWindow::buildToolBar() {
  QToolBar* bar = addToolBar(tr("Tools"));
  bar->setObjectName(QStringLiteral("tools"));
  bar->setMovable(false);
  bar->addAction(tr("Open…"), this, &MainWindow::chooseFile);
  bar->addAction(tr("Sample"), this, &MainWindow::openSample);
  bar->addSeparator();
  bar->addActions(m_presetGroup->actions());
  auto* space = new QWidget;
  space->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
  bar->addWidget(space);
  auto* scopeLabel = new QLabel(tr("Order applies to "));
  m_scope = new QComboBox;
  m_scope->setObjectName(QStringLiteral("scope"));
  m_scope->setAccessibleName(tr("Which filters an order typed in the box applies to"));
  m_scope->addItems({tr("this filter"), tr("selected rows"), tr("its layer"), tr("all filters")});
  scopeLabel->setBuddy(m_scope);
  bar->addWidget(scopeLabel);
  bar->addWidget(m_scope);
  m_tolerance = new QDoubleSpinBox;
  m_tolerance->setObjectName(QStringLiteral("tolerance"));
  m_tolerance->setAccessibleName(tr("Tolerance: largest relative error in percent"));
  m_tolerance->setToolTip(tr("Largest relative l2 error a filter may have"));
  m_tolerance->setRange(0.01, 90);
  m_tolerance->setDecimals(2);
  m_tolerance->setValue(10);
  m_tolerance->setSuffix(tr(" %"));
  QAction* fit = bar->addAction(tr("Fit to tolerance"), this,
                                [this] { m_planner.fitToTolerance(rowsOfScope(), m_tolerance->value() / 100); });
  fit->setObjectName(QStringLiteral("fitToTolerance"));
  fit->setToolTip(tr("Give each of these filters the smallest order whose error stays within the tolerance"));
  bar->insertWidget(fit, m_tolerance);

  addToolBarBreak();
  m_stripBar = addToolBar(tr("Fit"));
  m_stripBar->setObjectName(QStringLiteral("fit"));
  m_stripBar->setMovable(false);
  m_strip->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
  m_stripBar->addWidget(m_strip);

  addToolBarBreak();
  QToolBar* message = addToolBar(tr("Message"));
  message->setObjectName(QStringLiteral("message"));
  message->setMovable(false);
  m_banner = new Banner;
  m_banner->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
  message->addWidget(m_banner);
  message->hide();
  connect(m_banner, &Banner::needed, message, &QToolBar::setVisible);
  for (QToolBar* fixed : {bar, m_stripBar, message}) fixed->setContextMenuPolicy(Qt::PreventContextMenu);
}

void MainWindow::buildStatusBar() {
  m_totals = new ValueLabel(0);
  m_totals->setObjectName(QStringLiteral("totals"));
  m_totals->setContentsMargins(12, 0, 0, 0);
  statusBar()->addWidget(m_totals, 1);
  statusBar()->addPermanentWidget(new JobsBar(m_jobs));
  statusBar()->setSizeGripEnabled(false);
}

void MainWindow::refreshRecents() {
  m_recentMenu->clear();
  int shortcut = 0;
  for (const QString& path : recents::files()) {
    QAction* action = m_recentMenu->addAction(path, this, [this, path] { open(path); });
    action->setShortcut(QKeySequence(QStringLiteral("Ctrl+%1").arg(++shortcut)));
  }
  m_recentMenu->setEnabled(shortcut > 0);
  m_start->refresh();
}

void MainWindow::setScheme(int scheme) {
  appearance::store(static_cast<widgets::Scheme>(scheme));
  appearance::apply(static_cast<widgets::Scheme>(scheme));
}

}  // namespace app
