// The window as a session: what is saved, how it is taken over again.
#include <QAction>
#include <QActionGroup>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QHeaderView>
#include <QLineEdit>
#include <QLocale>
#include <QScopedValueRollback>
#include <QStatusBar>
#include <QTableView>
#include <QToolBar>
#include <algorithm>

#include "app/banner.h"
#include "app/comparepanel.h"
#include "app/effectpanel.h"
#include "app/filterpanel.h"
#include "app/generationcontrols.h"
#include "app/generationpanel.h"
#include "app/mainwindow.h"
#include "app/plotdeck.h"
#include "app/recents.h"
#include "app/sessionfile.h"
#include "app/startpage.h"
#include "widgets/plot.h"
#include "widgets/spectrumplot.h"

namespace app {

namespace {

SavedPlot savedPlot(const QString& name, const widgets::Plot& plot) {
  SavedPlot out;
  out.name = name.toStdString();
  out.logX = plot.logX();
  out.logY = plot.logY();
  if (!plot.isFitted()) {
    const widgets::Range x = plot.xRange(), y = plot.yRange();
    out.ranges = std::array<double, 4>{x.low, x.high, y.low, y.high};
  }
  for (const QPointF& mark : plot.marks()) out.marks.emplace_back(mark.x(), mark.y());
  return out;
}

void restorePlot(const SavedPlot& saved, widgets::Plot& plot) {
  plot.setLogX(saved.logX);
  plot.setLogY(saved.logY);
  if (saved.ranges) {
    const auto& [xLow, xHigh, yLow, yHigh] = *saved.ranges;
    plot.setXRange({xLow, xHigh});
    plot.setYRange({yLow, yHigh});
  } else {
    plot.fit();
  }
  std::vector<QPointF> marks;
  for (const auto& [x, y] : saved.marks) marks.emplace_back(x, y);
  plot.setMarks(std::move(marks));
}

}  // namespace

QList<QAction*> MainWindow::plotSwitches() const {
  QList<QAction*> out;
  for (QAction* action : m_plots->switches())
    if (action->isCheckable()) out << action;
  return out;
}

SessionState MainWindow::state() const {
  SessionState out;
  if (!m_document.checkpoint()) return out;
  out.checkpoint = m_document.path();
  out.fingerprint = m_fingerprint;
  out.choices = m_document.choices();
  int row = 0;
  for (const analysis::Bank& bank : m_document.checkpoint()->banks()) {
    SavedBank saved;
    saved.path = bank.path;
    saved.orders.assign(m_document.orders().begin() + row, m_document.orders().begin() + row + bank.channels);
    for (int channel = 0; channel < bank.channels; ++channel, ++row)
      if (m_document.locked(row)) saved.locked.push_back(channel);
    out.banks.push_back(std::move(saved));
  }
  if (m_document.selectedRow() >= 0) out.selection = m_document.filterName(m_document.selectedRow()).toStdString();
  out.tolerancePercent = m_tolerance->value();
  out.scope = m_scope->currentIndex();
  const FitWeight& fitWeight = m_document.fitWeight();
  out.fitWeight = {fitWeight.low, fitWeight.high, fitWeight.text};
  for (const QString& method : m_comparison.methods()) out.methods.push_back(method.toStdString());
  if (m_presetGroup->checkedAction())
    out.preset = static_cast<int>(m_presetGroup->actions().indexOf(m_presetGroup->checkedAction()));
  out.search = m_filters->searchLine()->text();
  const QHeaderView* header = m_filters->table()->horizontalHeader();
  out.sortColumn = header->sortIndicatorSection();
  out.sortDescending = header->sortIndicatorOrder() == Qt::DescendingOrder;
  for (const QAction* action : plotSwitches())
    if (action->isChecked()) out.switches.push_back(action->objectName().toStdString());
  out.spectrumQuantity = static_cast<int>(m_plots->spectrum().quantity());
  for (const auto& [name, title, plot] : m_plots->panels())
    out.plots.push_back(savedPlot(name, *static_cast<widgets::Plot*>(plot)));
  out.layout = m_talking ? m_layoutBeforeTalk : saveState();
  out.generation = m_generate->controls().saved();
  out.effect = m_effect->controls();
  out.reference = {m_reference.pinnedName(), m_reference.otherPath()};
  return out;
}

void MainWindow::apply(const SessionState& saved) {
  std::vector<int> orders = m_document.orders();
  std::vector<bool> locked(orders.size(), false);
  int row = 0, unknown = static_cast<int>(saved.banks.size());
  for (const analysis::Bank& bank : m_document.checkpoint()->banks()) {
    const auto found = std::find_if(saved.banks.begin(), saved.banks.end(), [&](const SavedBank& candidate) {
      return candidate.path == bank.path && static_cast<int>(candidate.orders.size()) == bank.channels;
    });
    if (found != saved.banks.end()) {
      --unknown;
      std::copy(found->orders.begin(), found->orders.end(), orders.begin() + row);
      for (const int channel : found->locked)
        if (channel >= 0 && channel < bank.channels) locked[static_cast<std::size_t>(row) + static_cast<std::size_t>(channel)] = true;
    }
    row += bank.channels;
  }
  const QScopedValueRollback restoring(m_restoring, true);
  m_document.restorePlan(std::move(orders), std::move(locked));
  m_tolerance->setValue(saved.tolerancePercent);
  m_scope->setCurrentIndex(std::clamp(saved.scope, 0, m_scope->count() - 1));
  m_compare->tick(saved.methods);
  if (!saved.fitWeight.text.isEmpty())
    weighByText(saved.fitWeight.text, true);
  else if (saved.fitWeight.high > 0)
    m_document.restoreFitWeight(bandWeight(saved.fitWeight.low, saved.fitWeight.high));
  showPreset(static_cast<Preset>(std::clamp(saved.preset, 0, static_cast<int>(m_presetGroup->actions().size()) - 1)));
  if (!saved.layout.isEmpty()) restoreState(saved.layout);
  findChild<QToolBar*>(QStringLiteral("message"))->setVisible(!m_banner->sentence().isEmpty());
  m_filters->searchLine()->setText(saved.search);
  m_filters->table()->sortByColumn(saved.sortColumn, saved.sortDescending ? Qt::DescendingOrder : Qt::AscendingOrder);
  for (QAction* action : plotSwitches())
    action->setChecked(std::find(saved.switches.begin(), saved.switches.end(), action->objectName().toStdString()) !=
                       saved.switches.end());
  m_plots->spectrum().setQuantity(
      static_cast<widgets::SpectrumPlot::Quantity>(std::clamp(saved.spectrumQuantity, 0, 2)));
  for (const auto& [name, title, plot] : m_plots->panels())
    for (const SavedPlot& entry : saved.plots)
      if (entry.name == name.toStdString()) restorePlot(entry, *static_cast<widgets::Plot*>(plot));
  m_generate->controls().restore(saved.generation);
  m_effect->restore(saved.effect);
  if (!saved.reference.file.isEmpty())
    m_reference.compareWith(saved.reference.file);
  else if (!saved.reference.pinned.empty())
    m_reference.pin(saved.reference.pinned);
  if (const auto selected = filterNamed(*m_document.checkpoint(), saved.selection))
    m_document.select(m_document.row(*selected));
  if (m_taken) m_journal.replace(*std::exchange(m_taken, {}));
  if (unknown > 0)
    m_banner->tell(
        unknown == 1 ? tr("A bank of the session is not in this checkpoint; its orders were left out.")
                     : tr("%1 banks of the session are not in this checkpoint; their orders were left out.").arg(unknown));
}

void MainWindow::openSession(const QString& path) {
  const QString absolute = QFileInfo(path).absoluteFilePath();
  m_jobs.start(
      QStringLiteral("read session"), tr("Reading %1").arg(QFileInfo(path).fileName()), Jobs::Priority::interactive,
      [this, absolute](const analysis::Task&, const Jobs::Post& post) {
        const SessionState state = readSession(absolute);
        post([this, state, absolute] {
          const bool own = absolute.endsWith(QLatin1String(sessionSuffix));  // else a journal
          m_sessionPath = own ? absolute : QString();
          if (own) {
            recents::add(absolute);
            refreshRecents();
          }
          resume(state);
        });
      },
      [this](const QString& sentence) { m_banner->tell(sentence); });
}

void MainWindow::resume(const SessionState& saved) {
  SessionState state = saved;
  if (!QFileInfo::exists(state.checkpoint)) {
    const QString missing = state.checkpoint;
    state.checkpoint = m_askForFile
                           ? m_askForFile(missing)
                           : QFileDialog::getOpenFileName(this, tr("Where is %1?").arg(QFileInfo(missing).fileName()),
                                                          QFileInfo(missing).absolutePath());
    if (state.checkpoint.isEmpty()) {
      m_banner->tell(tr("%1 is missing, so the session was not opened; the session file is as it was.").arg(missing));
      return;
    }
  }
  m_pending = state;
  m_document.open(state.checkpoint, state.choices);
}

void MainWindow::saveSession(const QString& path) {
  if (!m_document.checkpoint()) return;
  const QString target = path.endsWith(QLatin1String(sessionSuffix)) ? path : path + QLatin1String(sessionSuffix);
  const int step = m_document.undoStack().index();
  m_jobs.start(
      QStringLiteral("save session"), tr("Saving the session"), Jobs::Priority::interactive,
      [this, target, step, state = state()](const analysis::Task&, const Jobs::Post& post) {
        const QString problem = writeWhole(target, sessionText(state, QFileInfo(target).absolutePath()));
        post([this, target, step, problem] {
          if (!problem.isEmpty()) return m_banner->tell(problem);
          m_sessionPath = target;
          recents::add(target);
          refreshRecents();
          if (m_document.undoStack().index() == step) m_document.undoStack().setClean();
          statusBar()->showMessage(tr("Saved: %1").arg(target), 8000);
        });
      },
      [this](const QString& sentence) { m_banner->tell(sentence); });
}

void MainWindow::chooseSession() {
  const QString suggestion = m_sessionPath.isEmpty()
                                 ? QFileInfo(m_document.path()).absolutePath() + QLatin1Char('/') +
                                       QFileInfo(m_document.path()).completeBaseName() + QLatin1String(sessionSuffix)
                                 : m_sessionPath;
  const QString path =
      QFileDialog::getSaveFileName(this, tr("Save the session"), suggestion, tr("Sessions (*.polecat)"));
  if (!path.isEmpty()) saveSession(path);
}

// Told once both are known: whether this is the checkpoint the session was saved with.
void MainWindow::checkFingerprint() {
  m_fingerprint.clear();
  const QString expected = m_pending ? m_pending->fingerprint : QString();
  m_jobs.start(QStringLiteral("fingerprint"), tr("Reading the checkpoint's fingerprint"), Jobs::Priority::interactive,
               [this, expected, path = m_document.path()](const analysis::Task&, const Jobs::Post& post) {
                 const QString found = fingerprint(path);
                 post([this, expected, found, path] {
                   m_fingerprint = found;
                   if (!expected.isEmpty() && expected != found)
                     m_banner->tell(tr("%1 is not the checkpoint the session was saved with; orders were taken over by "
                                       "the names of the banks.")
                                        .arg(QFileInfo(path).fileName()));
                 });
               });
}

void MainWindow::offerLeftover() {
  const auto leftover = m_journal.leftover();
  if (!leftover) return m_start->offerResume({}, false);
  QString model;
  try {
    model = QFileInfo(readSession(leftover->path).checkpoint).fileName();
  } catch (const std::exception&) {
    m_start->offerResume({}, false);
    return m_banner->tell(tr("The journal of the last work cannot be read by this program; it is kept as %1.")
                              .arg(m_journal.setAside(*leftover)));
  }
  const QString when = QLocale().toString(leftover->written, QLocale::ShortFormat);
  m_start->offerResume(
      leftover->crashed
          ? tr("Polecat ended unexpectedly while %1 was open. Your work as of %2 is kept.").arg(model, when)
          : tr("You were working on %1 (%2).").arg(model, when),
      leftover->crashed);
}

}  // namespace app
