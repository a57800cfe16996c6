// The menus of the window. Every action has a name of its own (objectName), which sessions, tests and the palette use,
// and a sentence that explains it.
#include <QAction>
#include <QActionGroup>
#include <QApplication>
#include <QDockWidget>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QInputDialog>
#include <QLineEdit>
#include <QMenuBar>
#include <QScopedValueRollback>
#include <QSettings>
#include <QSpinBox>
#include <QTableView>
#include <QTableWidget>
#include <QTreeWidget>
#include <algorithm>
#include <utility>

#include "app/actionlist.h"
#include "app/appearance.h"
#include "app/bankpanel.h"
#include "app/comparepanel.h"
#include "app/edits.h"
#include "app/effectpanel.h"
#include "app/filterpanel.h"
#include "app/fitstrip.h"
#include "app/generationpanel.h"
#include "app/mainwindow.h"
#include "app/plotdeck.h"
#include "app/recents.h"
#include "app/settingspanel.h"
#include "app/startpage.h"
#include "app/tensortree.h"
#include "widgets/commandpalette.h"
#include "widgets/hankelplot.h"
#include "widgets/poleplot.h"
#include "widgets/signalplot.h"
#include "widgets/spectrumplot.h"

namespace app {

namespace {

// Names an action and says what it does; the status bar and the palette show the sentence.
QAction* named(QAction* action, const char* name, const QString& explanation) {
  action->setObjectName(QString::fromLatin1(name));
  action->setToolTip(explanation);
  action->setStatusTip(explanation);
  return action;
}

}  // namespace

void MainWindow::buildActions() {
  QMenu* file = menuBar()->addMenu(tr("&File"));
  QMenu* edit = menuBar()->addMenu(tr("&Edit"));
  buildEditMenu(edit);
  buildFileMenu(file, edit);
  buildViewMenu();
  buildPlanMenu();
  buildRunMenu();
  buildHelpMenu();
  // Keys work without the menu bar too, which talk mode hides.
  for (QAction* action : listedActions(*menuBar(), nullptr)) addAction(action);
  // The palette runs the actions of the plot that had the focus last.
  connect(qApp, &QApplication::focusChanged, this, [this](QWidget*, QWidget* now) {
    for (QWidget* widget = now; widget; widget = widget->parentWidget())
      if (auto* plot = qobject_cast<widgets::Plot*>(widget)) m_lastPlot = plot;
  });
}

void MainWindow::buildFileMenu(QMenu* file, QMenu* edit) {
  named(file->addAction(tr("&Open…"), QKeySequence::Open, this, &MainWindow::chooseFile), "file.open",
        tr("Open a checkpoint"));
  m_recentMenu = file->addMenu(tr("Open &recent"));
  named(file->addAction(tr("Open the sa&mple"), this, &MainWindow::openSample), "file.openSample",
        tr("Open the bundled model: Hyena, 1 million parameters, trained on novels"));
  m_readAgain = named(file->addAction(tr("Rea&d again"), QKeySequence(Qt::Key_F5), this,
                                      [this] { m_document.readAgain(); }),
                      "file.readAgain", tr("Read the open file as it now is on disk; orders and locks stay"));
  file->addSeparator();
  m_save = named(file->addAction(tr("&Save session"), QKeySequence::Save, this,
                                 [this] { m_sessionPath.isEmpty() ? chooseSession() : saveSession(m_sessionPath); }),
                 "file.saveSession", tr("Orders, locks, view and settings in one readable file"));
  m_saveAs = named(file->addAction(tr("Save session &as…"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_S), this,
                                   &MainWindow::chooseSession),
                   "file.saveSessionAs", tr("Save the session under another name"));
  file->addSeparator();
  m_export = named(file->addAction(tr("&Export distilled models…"), QKeySequence(Qt::CTRL | Qt::Key_E), this,
                                   [this] { chooseExport(); }),
                   "file.exportDistilled", tr("Fit every filter at its order and write the state-space models"));
  buildSharedExports(file);
  edit->addSeparator();
  buildExportActions(file, edit);
  file->addSeparator();
  named(file->addAction(tr("&Quit"), QKeySequence::Quit, this, &QWidget::close), "file.quit", tr("Leave Polecat"));
}

void MainWindow::buildEditMenu(QMenu* edit) {
  QAction* undo = named(m_document.undoStack().createUndoAction(this, tr("&Undo")), "edit.undo",
                        tr("Take back the last change of the plan"));
  undo->setShortcut(QKeySequence::Undo);
  QAction* redo = named(m_document.undoStack().createRedoAction(this, tr("&Redo")), "edit.redo",
                        tr("Make the change again that was taken back"));
  redo->setShortcuts({QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_Z), QKeySequence(Qt::CTRL | Qt::Key_Y)});
  edit->addActions({undo, redo});
  edit->addSeparator();
  named(edit->addAction(tr("&Find filters"), QKeySequence::Find, this,
                        [this] {
                          m_filtersDock->show();
                          m_filters->searchLine()->setFocus(Qt::ShortcutFocusReason);
                          m_filters->searchLine()->selectAll();
                        }),
        "edit.find", tr("Search the table: layer:3 err>1e-2"));
  named(edit->addAction(tr("&Sort by this column"), QKeySequence(Qt::Key_O), this,
                        [this] { m_filters->sortByCurrentColumn(); }),
        "edit.sort", tr("Sort the table by the column of the current cell; the same again turns it round"));
  named(edit->addAction(tr("&Order of the selected filter"), QKeySequence(Qt::CTRL | Qt::Key_L), this,
                        [this] {
                          m_strip->orderBox()->setFocus(Qt::ShortcutFocusReason);
                          m_strip->orderBox()->selectAll();
                        }),
        "edit.order", tr("Type how many states the filter keeps"));
}

QAction* MainWindow::explained(QAction* action, const char* name, const QString& explanation, const QKeySequence& key,
                               std::function<void()> deed) {
  named(action, name, explanation)->setShortcut(key);
  connect(action, &QAction::triggered, this, [deed = std::move(deed)] { deed(); });
  return action;
}

void MainWindow::buildViewMenu() {
  QMenu* view = menuBar()->addMenu(tr("&View"));
  m_presetGroup = new QActionGroup(this);
  const struct {
    const char* name;
    QString text, explanation;
    Qt::Key key;
    Preset preset;
  } presets[] = {
      {"view.filters", tr("&Filters"), tr("The table of filters beside the four plots"), Qt::Key_1, Preset::filters},
      {"view.order", tr("&Order"), tr("The four plots large, to choose an order"), Qt::Key_2, Preset::order},
      {"view.speed", tr("&Speed"), tr("Generate with original and distilled side by side"), Qt::Key_3, Preset::speed},
      {"view.effect", tr("&Effect"), tr("Bits per token that the plan costs, layer by layer and over the order"),
       Qt::Key_4, Preset::effect}};
  for (const auto& preset : presets) {
    QAction* action = named(view->addAction(preset.text, this, [this, which = preset.preset] { showPreset(which); }),
                            preset.name, preset.explanation);
    action->setShortcut(QKeySequence(preset.key));
    action->setCheckable(true);
    m_presetGroup->addAction(action);
  }
  view->addSeparator();
  m_talkAction = named(view->addAction(tr("&Talk mode")), "view.talk",
                       tr("Full screen for a lecture hall: large, high contrast, without menus; Escape ends it"));
  m_talkAction->setCheckable(true);
  m_talkAction->setShortcut(QKeySequence(Qt::Key_F11));
  connect(m_talkAction, &QAction::triggered, this, &MainWindow::setTalking);
  view->addSeparator();
  QMenu* panels = view->addMenu(tr("&Panels"));
  for (QDockWidget* dock : QList<QDockWidget*>{m_filtersDock} + m_plotDocks +
                               QList<QDockWidget*>{m_bankDock, m_generateDock, m_compareDock, m_effectDock,
                                                   m_settingsDock, m_tensorsDock})
    panels->addAction(named(dock->toggleViewAction(), qPrintable(QStringLiteral("panel.") + dock->objectName()),
                            tr("Show or hide this panel")));
  m_compareDock->toggleViewAction()->setShortcut(QKeySequence(Qt::Key_C));
  m_bankDock->toggleViewAction()->setShortcut(QKeySequence(Qt::Key_B));
  named(panels->addAction(tr("&Next panel"), QKeySequence(Qt::Key_F6), this, [this] { focusPanel(1); }), "panel.next",
        tr("Give the keyboard to the next panel in sight"));
  named(panels->addAction(tr("&Previous panel"), QKeySequence(Qt::SHIFT | Qt::Key_F6), this, [this] { focusPanel(-1); }),
        "panel.previous", tr("Give the keyboard to the panel before"));
  view->addSeparator();
  named(view->addAction(tr("Pin the filter as &A"), QKeySequence(Qt::Key_P), this, [this] { m_reference.togglePin(); }),
        "view.pin", tr("Lay this filter over those that are looked at next; the same again lets go"));
  named(view->addAction(tr("Compare with another &checkpoint…"), this, &MainWindow::chooseOther), "view.compareFile",
        tr("Lay each filter over the one of the same name in a second model"));
  named(view->addAction(tr("En&d the comparison"), this, [this] { m_reference.clear(); }), "view.compareEnd",
        tr("Take the pinned filter and the second model away"));
  view->addSeparator();
  view->addActions(m_plots->switches());
  view->addSeparator();
  QMenu* theme = view->addMenu(tr("T&heme"));
  auto* themes = new QActionGroup(this);
  const struct {
    const char* name;
    QString text;
    widgets::Scheme scheme;
  } schemes[] = {{"theme.light", tr("&Light"), widgets::Scheme::Light},
                 {"theme.dark", tr("&Dark"), widgets::Scheme::Dark},
                 {"theme.system", tr("As the &system"), widgets::Scheme::System}};
  for (const auto& entry : schemes) {
    QAction* action = named(
        theme->addAction(entry.text, this, [this, chosen = entry.scheme] { setScheme(static_cast<int>(chosen)); }),
        entry.name, tr("Change the colours of the window at once"));
    action->setCheckable(true);
    action->setChecked(appearance::stored() == entry.scheme);
    themes->addAction(action);
  }
  const int megabytes = QSettings().value(QStringLiteral("cacheMegabytes")).toInt();
  if (megabytes >= 16) m_analyst.setCacheBytes(static_cast<std::size_t>(megabytes) << 20);
  named(view->addAction(tr("&Memory for filters…"), this, &MainWindow::askCacheSize), "view.cache",
        tr("How much is kept of filters that were looked at"));
}

// Analyses of filters that were looked at come back at once while there is room for them.
void MainWindow::askCacheSize() {
  QInputDialog dialog(this);
  dialog.setObjectName(QStringLiteral("cacheDialog"));
  dialog.setWindowTitle(tr("Memory"));
  dialog.setLabelText(tr("Megabytes for filters that were looked at:"));
  dialog.setInputMode(QInputDialog::IntInput);
  dialog.setIntRange(16, 65536);
  dialog.setIntValue(static_cast<int>(m_analyst.cacheBytes() >> 20));
  if (dialog.exec() != QDialog::Accepted) return;
  QSettings().setValue(QStringLiteral("cacheMegabytes"), dialog.intValue());
  m_analyst.setCacheBytes(static_cast<std::size_t>(dialog.intValue()) << 20);
}

void MainWindow::chooseOther() {
  const QString path = QFileDialog::getOpenFileName(
      this, tr("Compare with"), QFileInfo(m_document.path()).absolutePath(),
      tr("Checkpoints (*.ckpt *.pt *.pth *.bin *.safetensors *.json *.npy *.npz *.h5);;All files (*)"));
  if (!path.isEmpty()) m_reference.compareWith(path);
}

void MainWindow::buildPlanMenu() {
  QMenu* plan = menuBar()->addMenu(tr("&Plan"));
  named(plan->addAction(tr("Fit to &tolerance"), QKeySequence(Qt::CTRL | Qt::Key_T), this,
                        [this] { m_planner.fitToTolerance(rowsOfScope(), m_tolerance->value() / 100); }),
        "plan.tolerance", tr("Give each of these filters the smallest order whose error stays within the tolerance"));
  named(plan->addAction(tr("Fit to a &budget of states…"), QKeySequence(Qt::CTRL | Qt::Key_B), this,
                        &MainWindow::askBudget),
        "plan.budget", tr("Share a number of states among these filters so that their errors together are least"));
  named(plan->addAction(tr("&Lock or unlock the selected rows"), QKeySequence(Qt::Key_K), this,
                        &MainWindow::toggleLock),
        "plan.lock", tr("A locked filter keeps its order, whatever is applied to its layer or to all"));
  buildFitWeightActions(plan);
  buildEffectActions(plan);
}

void MainWindow::buildEffectActions(QMenu* plan) {
  plan->addSeparator();
  named(plan->addAction(tr("&Measure the effect on the model"), QKeySequence(Qt::CTRL | Qt::Key_M), this,
                        [this] {
                          showPreset(Preset::effect);
                          m_effect->measure();
                        }),
        "plan.measure", tr("Bits per token and KL on a text: the plan, each layer, uniform orders"));
  named(plan->addAction(tr("&Smallest plan within the loss"), this,
                        [this] {
                          showPreset(Preset::effect);
                          m_effect->choosePlan();
                        }),
        "plan.byLoss", tr("Search the fewest states whose measured loss stays within the bits of the Effect panel"));
}

void MainWindow::askBudget() {
  const std::vector<int> rows = rowsOfScope();
  if (rows.empty()) return;
  int states = 0;
  for (const int row : rows) states += m_document.order(row);
  QInputDialog dialog(this);
  dialog.setObjectName(QStringLiteral("budgetDialog"));
  dialog.setWindowTitle(tr("Budget"));
  dialog.setLabelText(rows.size() == 1 ? tr("Real states for this filter:")
                                       : tr("Real states for these %1 filters together:").arg(rows.size()));
  dialog.setInputMode(QInputDialog::IntInput);
  dialog.setIntRange(0, static_cast<int>(rows.size()) * Document::maxOrder);
  dialog.setIntValue(states);
  if (dialog.exec() == QDialog::Accepted) m_planner.fitToBudget(rows, dialog.intValue());
}

void MainWindow::watchSettings() {
  m_toleranceBefore = m_tolerance->value();
  connect(m_tolerance, &QDoubleSpinBox::valueChanged, this, [this](double now) {
    const QString before = QString::number(std::exchange(m_toleranceBefore, now)), after = QString::number(now);
    if (m_restoring || !m_document.checkpoint()) return;
    m_document.undoStack().push(new SettingEdit(tr("tolerance"), before, after, [this](const QString& value) {
      const QScopedValueRollback restoring(m_restoring, true);
      m_tolerance->setValue(value.toDouble());
    }));
  });
  connect(&m_comparison, &Comparison::methodsChanged, this, [this] {
    const auto& methods = m_comparison.methods();
    const QString after = QStringList(methods.begin(), methods.end()).join(QStringLiteral(", "));
    const QString before = std::exchange(m_methodsBefore, after);
    if (m_restoring || !m_document.checkpoint()) return;
    m_document.undoStack().push(new SettingEdit(tr("methods"), before, after, [this](const QString& value) {
      const QScopedValueRollback restoring(m_restoring, true);
      std::vector<std::string> names;
      for (const QString& name : value.split(QStringLiteral(", "), Qt::SkipEmptyParts)) names.push_back(name.toStdString());
      m_compare->tick(names);
    }));
  });
}

void MainWindow::toggleLock() {
  std::vector<int> rows = m_filters->selectedRows();
  if (rows.empty() && m_document.selectedRow() >= 0) rows = {m_document.selectedRow()};
  const bool allLocked = std::all_of(rows.begin(), rows.end(), [this](int row) { return m_document.locked(row); });
  m_document.setLocked(rows, !allLocked);
}

void MainWindow::buildRunMenu() {
  QMenu* run = menuBar()->addMenu(tr("&Generate"));
  named(run->addAction(tr("&Generate with both models"), QKeySequence(Qt::CTRL | Qt::Key_Return), this,
                       [this] {
                         showPreset(Preset::speed);
                         m_generate->start();
                       }),
        "generate.start", tr("The same prompt, seed and noise through every lane"));
  named(run->addAction(tr("Sweep &batches"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_B), this,
                       [this] {
                         showPreset(Preset::speed);
                         m_generate->sweep();
                       }),
        "generate.sweep", tr("Throughput of every lane at 1, 2, 4 … sequences"));
  named(run->addAction(tr("&Pause or resume"), QKeySequence(Qt::CTRL | Qt::Key_P), this,
                       [this] { m_generation.setPaused(!m_generation.paused()); }),
        "generate.pause", tr("Hold all lanes where they are"));
  named(run->addAction(tr("&Cancel"), QKeySequence(Qt::CTRL | Qt::Key_Period), this, [this] { m_generation.cancel(); }),
        "generate.cancel", tr("Stop all lanes; what they wrote stays"));
  run->addSeparator();
  named(run->addAction(tr("&Save run…"), this, [this] { m_generate->chooseSave(); }), "generate.save",
        tr("Text, every token time and memory as JSON or CSV"));
}

void MainWindow::focusPanel(int step) {
  QList<QWidget*> places;
  const QList<QPair<QDockWidget*, QWidget*>> all = {{m_filtersDock, m_filters->table()},
                                                    {m_plotDocks[0], &m_plots->signal()},
                                                    {m_plotDocks[1], &m_plots->spectrum()},
                                                    {m_plotDocks[2], &m_plots->hankel()},
                                                    {m_plotDocks[3], &m_plots->poles()},
                                                    {m_bankDock, m_bank},
                                                    {m_generateDock, m_generate},
                                                    {m_effectDock, m_effect},
                                                    {m_compareDock, m_compareDock->widget()},
                                                    {m_settingsDock, m_settings->settings()},
                                                    {m_tensorsDock, m_tensors->tree()}};
  int now = -1;
  const QWidget* focus = QApplication::focusWidget();
  for (const auto& [dock, target] : all) {
    if (!dock->isVisible()) continue;
    if (focus && dock->isAncestorOf(focus)) now = static_cast<int>(places.size());
    places << target;
  }
  if (places.isEmpty()) return;
  const int count = static_cast<int>(places.size());
  QWidget* target = places[((now < 0 && step < 0 ? 0 : now) + step + count) % count];
  if (target->focusPolicy() == Qt::NoFocus)
    for (QWidget* inner : target->findChildren<QWidget*>())
      if (inner->isVisible() && inner->isEnabled() && (inner->focusPolicy() & Qt::TabFocus) != 0) {
        target = inner;
        break;
      }
  target->setFocus(Qt::ShortcutFocusReason);
}

void MainWindow::refreshRecents() {
  m_recentMenu->clear();
  int shortcut = 0;
  for (const QString& path : recents::files()) {
    QAction* action = m_recentMenu->addAction(path, this, [this, path] { open(path); });
    action->setShortcut(QKeySequence(QStringLiteral("Ctrl+%1").arg(++shortcut)));
    named(action, qPrintable(QStringLiteral("recent.%1").arg(shortcut)), tr("Open %1").arg(path));
    addAction(action);
  }
  m_recentMenu->setEnabled(shortcut > 0);
  m_start->refresh();
}

void MainWindow::setScheme(int scheme) {
  appearance::store(static_cast<widgets::Scheme>(scheme));
  if (!m_talking) appearance::apply(static_cast<widgets::Scheme>(scheme));  // else when the talk is over
}

}  // namespace app
