// What leaves the window: figures, tables, and the commands that do the same as an action.
#include <QApplication>
#include <QClipboard>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QLocale>
#include <QMenuBar>
#include <QStatusBar>
#include <algorithm>

#include "app/bankpanel.h"
#include "app/banner.h"
#include "app/commandtext.h"
#include "app/effectpanel.h"
#include "app/figuredialog.h"
#include "app/filterpanel.h"
#include "app/generationcontrols.h"
#include "app/generationpanel.h"
#include "app/mainwindow.h"
#include "app/plotdeck.h"
#include "app/sessionfile.h"
#include "app/tableexport.h"
#include "widgets/bankplot.h"
#include "widgets/effectplot.h"
#include "widgets/hankelplot.h"
#include "widgets/poleplot.h"
#include "widgets/signalplot.h"
#include "widgets/spectrumplot.h"

namespace app {

void MainWindow::buildExportActions(QMenu* file, QMenu* edit) {
  file->addAction(explained(new QAction(tr("Export a &figure…"), this), "file.exportFigure",
                            tr("Any plot or the page of all as PNG, SVG or PDF"),
                            QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_E), [this] { showFigureDialog(); }));
  file->addAction(explained(new QAction(tr("Export the &table…"), this), "file.exportTable",
                            tr("The filters as the table shows them, as CSV"), {}, [this] { chooseTable(false); }));
  file->addAction(explained(new QAction(tr("Export the &numbers of the plot…"), this), "file.exportNumbers",
                            tr("What the plot with the focus shows in its range, as CSV"), {},
                            [this] { chooseTable(true); }));
  file->addAction(explained(new QAction(tr("Re&port of the layer…"), this), "file.report",
                            tr("Figures, filters, plan, effect and speed on one page of HTML or PDF"), {},
                            [this] { chooseReport(); }));
  edit->addAction(explained(new QAction(tr("Copy the &page of plots"), this), "edit.copyPage",
                            tr("All four plots with title and provenance as a picture"),
                            QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_C), [this] { figureDialog()->copy(); }));
  QMenu* commands = edit->addMenu(tr("&Copy as command"));
  const struct {
    const char* name;
    QString text, explanation;
    QString (MainWindow::*command)() const;
  } entries[] = {{"command.inspect", tr("&Inspect this filter"),
                  tr("The command that prints what is known of the filter"), &MainWindow::inspectText},
                 {"command.plot", tr("&Plot this filter"),
                  tr("The command that draws the page of the filter at its order"), &MainWindow::plotText},
                 {"command.distill", tr("&Distil the plan"), tr("The command that exports every filter at its order"),
                  &MainWindow::distillText},
                 {"command.tolerance", tr("&Fit to tolerance"),
                  tr("The command that finds the orders within the tolerance and exports the models"),
                  &MainWindow::toleranceText},
                 {"command.compare", tr("&Compare methods"),
                  tr("The command that fits the filter by the methods that are ticked"), &MainWindow::compareText},
                 {"command.generate", tr("&Generate"), tr("The command that runs all modes on this prompt"),
                  &MainWindow::generateText},
                 {"command.evaluate", tr("&Evaluate"), tr("The command that measures bits per token on a text"),
                  &MainWindow::evaluateText}};
  for (const auto& entry : entries)
    commands->addAction(
        explained(new QAction(entry.text, this), entry.name, entry.explanation, {}, [this, command = entry.command] {
          if (!m_document.checkpoint()) return;
          const QString text = (this->*command)();
          QApplication::clipboard()->setText(text);
          statusBar()->showMessage(tr("Copied: %1").arg(text), 8000);
        }));
}

void MainWindow::buildSharedExports(QMenu* file) {
  QMenu* shared = file->addMenu(tr("Export with s&hared poles"));
  const auto add = [&](const QString& text, const char* name, const QString& explanation, std::function<int()> size) {
    shared->addAction(explained(new QAction(text, this), name, explanation, {}, [this, size = std::move(size)] {
      if (m_document.checkpoint()) chooseExport(size());
    }));
  };
  add(tr("Of &4 neighbours…"), "file.exportShared4",
      tr("Four filters side by side share their poles, at the largest of their orders; what it costs and saves is told"),
      [] { return 4; });
  add(tr("Of &16 neighbours…"), "file.exportShared16",
      tr("Sixteen filters side by side share their poles, at the largest of their orders"), [] { return 16; });
  add(tr("Of a whole &layer…"), "file.exportSharedLayer",
      tr("All filters of an operator share their poles, at the largest of their orders"), [this] {
        int most = 1;
        for (const analysis::Bank& bank : m_document.checkpoint()->banks()) most = std::max(most, bank.channels);
        return most;
      });
}

FigureDialog* MainWindow::figureDialog() {
  std::vector<Exhibit> exhibits;
  Exhibit page{tr("Page of the four plots"), {}};
  for (const auto& [name, title, widget] : m_plots->panels()) {
    const auto* plot = static_cast<const widgets::Plot*>(widget);
    page.plots.push_back(plot);
    exhibits.push_back({title, {plot}});
  }
  exhibits.push_back(page);
  for (const auto& [name, plot] : m_generate->plots()) exhibits.push_back({name, {plot}});
  exhibits.push_back({tr("Layer map"), {&m_bank->plot()}});
  exhibits.push_back({tr("Effect on the model"), {&m_effect->plot()}});
  // The plot with the focus first.
  if (m_lastPlot)
    for (std::size_t i = 1; i < exhibits.size(); ++i)
      if (exhibits[i].plots.size() == 1 && exhibits[i].plots.front() == m_lastPlot) std::swap(exhibits[0], exhibits[i]);
  const int row = m_document.selectedRow();
  const QString title =
      row < 0 ? QString() : tr("Filter %1 at order %2").arg(m_document.filterName(row)).arg(m_analyst.shownOrder());
  auto* dialog = new FigureDialog(std::move(exhibits), title, m_plots->signal().provenance(),
                                  QFileInfo(m_document.path()).absolutePath(), this);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  connect(dialog, &FigureDialog::failed, m_banner, &Banner::tell);
  connect(dialog, &FigureDialog::exported, this,
          [this](const QString& path) { statusBar()->showMessage(tr("Written: %1").arg(path), 8000); });
  return dialog;
}

void MainWindow::showFigureDialog() {
  figureDialog()->show();
}

void MainWindow::chooseTable(bool ofPlot) {
  if (!m_document.checkpoint()) return;
  const QString path =
      QFileDialog::getSaveFileName(this, tr("Export as CSV"),
                                   QFileInfo(m_document.path()).absolutePath() +
                                       (ofPlot ? QStringLiteral("/plot.csv") : QStringLiteral("/filters.csv")),
                                   tr("CSV (*.csv)"));
  if (!path.isEmpty()) exportTable(path, ofPlot);
}

void MainWindow::exportTable(const QString& path, bool ofPlot) {
  const QString text = ofPlot ? visibleNumbers(m_lastPlot ? *m_lastPlot : m_plots->signal()).csv()
                              : filterCsv(*m_filters->view(), *m_filters->model(), m_document);
  const QString problem = writeWhole(path, text.toStdString());
  if (!problem.isEmpty()) return m_banner->tell(problem);
  statusBar()->showMessage(tr("Written: %1").arg(path), 8000);
}

namespace {
OpenedFile openedFile(const Document& document) {
  return {document.path().toStdString(), document.choices()};
}

// As 'polecat distill --weight' has it; empty without a band.
std::string bandText(const FitWeight& fitWeight) {
  const auto exact = [](double value) { return QString::number(value, 'g', QLocale::FloatingPointShortest); };
  if (fitWeight.high <= 0) return {};
  return QStringLiteral("band:%1-%2").arg(exact(fitWeight.low), exact(fitWeight.high)).toStdString();
}
}  // namespace

QString MainWindow::inspectText() const {
  return QString::fromStdString(
      inspectCommand(openedFile(m_document), m_document.filterName(m_document.selectedRow()).toStdString()));
}

QString MainWindow::plotText() const {
  const int row = m_document.selectedRow();
  return QString::fromStdString(plotCommand(openedFile(m_document), m_document.filterName(row).toStdString(), "page",
                                            m_document.order(row), "figure.svg"));
}

QString MainWindow::distillText() const {
  return QString::fromStdString(distillCommand(openedFile(m_document), *m_document.checkpoint(), m_document.orders(),
                                               "distilled.safetensors", bandText(m_document.fitWeight()),
                                               m_document.fitWeight().text.toStdString()));
}

QString MainWindow::toleranceText() const {
  std::vector<analysis::FilterId> filters;
  const std::vector<int> rows = rowsOfScope();
  if (static_cast<int>(rows.size()) < m_document.filterCount())
    for (const int row : rows) filters.push_back(m_document.filterId(row));
  return QString::fromStdString(toleranceCommand(openedFile(m_document), *m_document.checkpoint(), filters,
                                                 m_tolerance->value() / 100, Document::maxOrder,
                                                 "distilled.safetensors", bandText(m_document.fitWeight()),
                                                 m_document.fitWeight().text.toStdString()));
}

QString MainWindow::compareText() const {
  const int row = m_document.selectedRow();
  std::vector<std::string> methods;
  for (const QString& method : m_comparison.methods()) methods.push_back(method.toStdString());
  return QString::fromStdString(compareCommand(openedFile(m_document), m_document.filterName(row).toStdString(),
                                               m_document.order(row), methods));
}

QString MainWindow::generateText() const {
  const GenerationSettings settings = m_generate->controls().settings();
  engine::Workload workload;
  workload.sampling = settings.sampling;
  workload.seed = settings.seed;
  workload.batch = settings.batch;
  return QString::fromStdString(generateCommand(openedFile(m_document), settings.prompt.toStdString(), workload,
                                                settings.tokens, settings.device.toStdString(), "distilled.safetensors",
                                                true));
}

QString MainWindow::evaluateText() const {
  return QString::fromStdString(evaluateCommand(openedFile(m_document), m_effect->settings().text.toStdString(),
                                                m_effect->settings().windows, "distilled.safetensors"));
}

}  // namespace app
