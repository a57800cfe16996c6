// The report of the layer of the selected filter.
#include <QDate>
#include <QFileDialog>
#include <QFileInfo>
#include <QStatusBar>

#include "app/bankpanel.h"
#include "app/banner.h"
#include "app/effectpanel.h"
#include "app/filterpanel.h"
#include "app/generationpanel.h"
#include "app/mainwindow.h"
#include "app/plotdeck.h"
#include "app/report.h"
#include "widgets/bankplot.h"
#include "widgets/effectplot.h"
#include "widgets/figurepage.h"
#include "widgets/format.h"

namespace app {

namespace {

QImage pageOf(std::vector<const widgets::Plot*> plots, QSize size) {
  widgets::FigurePage page;
  page.columns = plots.size() > 1 ? 2 : 1;
  page.plots = std::move(plots);
  return widgets::pageImage(page, {size, 2, widgets::Theme::light()});
}

}  // namespace

Report MainWindow::layerReport() const {
  const int selected = m_document.selectedRow();
  const analysis::Bank& bank =
      m_document.checkpoint()->banks()[static_cast<std::size_t>(m_document.filterId(selected).bank)];
  Report report;
  const QString file = QFileInfo(m_document.path()).fileName();
  report.title = tr("Layer %1 of %2").arg(bank.layer).arg(file);
  report.provenance = tr("%1 · %2%3 · Polecat %4 · %5")
                          .arg(file, QString::fromStdString(bank.path), m_document.fitWeight().remark(),
                               QStringLiteral(POLECAT_VERSION), QDate::currentDate().toString(Qt::ISODate));
  const std::vector<int> rows = m_document.bankRows(selected);
  long long states = 0;
  int locked = 0;
  for (const int row : rows) {
    states += m_document.order(row);
    locked += m_document.locked(row) ? 1 : 0;
  }
  report.facts = {{tr("Family"), QString::fromStdString(m_document.checkpoint()->report().family)},
                  {tr("Filters"), tr("%1 of %2 taps").arg(widgets::count(bank.channels), widgets::count(bank.lengthSamples))},
                  {tr("States of the layer"), tr("%1, %2 filters locked").arg(widgets::count(states)).arg(locked)},
                  {tr("States of the whole plan"), widgets::count(m_document.totalStates())}};
  if (const auto& plan = m_effectStudy.plan(); plan && !m_effectStudy.stale()) {
    report.facts.emplace_back(tr("Effect of the plan"), tr("%1 bits per token, KL %2 bits (%3)")
                                                            .arg(widgets::number(plan->addedBits, 3),
                                                                 widgets::number(plan->klBits, 3),
                                                                 m_effectStudy.provenance()));
    for (const engine::BankEffect& layer : m_effectStudy.layers())
      if (layer.path == bank.path)
        report.facts.emplace_back(tr("Effect of this layer alone"),
                                  tr("%1 ± %2 bits per token")
                                      .arg(widgets::number(layer.loss.bits, 3), widgets::number(layer.loss.spreadBits, 2)));
  }
  if (m_generation.speedUp() > 0) {
    const double batch = m_generation.settings().batch;
    report.facts.emplace_back(tr("Speed of the plan"),
                              tr("%1: %2 against %3 tokens/s (%4)")
                                  .arg(widgets::ratio(m_generation.speedUp()),
                                       widgets::number(m_generation.lanes()[1].rate(static_cast<int>(batch)), 3),
                                       widgets::number(m_generation.lanes()[0].rate(static_cast<int>(batch)), 3),
                                       m_generation.provenance()));
  }
  std::vector<const widgets::Plot*> plots;
  for (const auto& [name, title, plot] : m_plots->panels()) plots.push_back(static_cast<const widgets::Plot*>(plot));
  report.figures.emplace_back(
      tr("Filter %1 at order %2").arg(m_document.filterName(selected)).arg(m_analyst.shownOrder()),
      pageOf(plots, {1280, 840}));
  if (!m_bank->plot().isEmpty()) report.figures.emplace_back(tr("The layer"), pageOf({&m_bank->plot()}, {1280, 560}));
  if (!m_effect->plot().isEmpty())
    report.figures.emplace_back(tr("Loss over states, whole model"), pageOf({&m_effect->plot()}, {1280, 560}));
  FilterTable& table = *m_filters->model();
  constexpr FilterTable::Column columns[] = {FilterTable::name,  FilterTable::order,           FilterTable::error,
                                             FilterTable::ratio, FilterTable::effectiveLength, FilterTable::energy,
                                             FilterTable::radius};
  for (const FilterTable::Column column : columns)
    report.headers << table.headerData(column, Qt::Horizontal).toString();
  for (const int row : rows) {
    QStringList texts;
    for (const FilterTable::Column column : columns) texts << table.index(row, column).data().toString();
    report.rows.push_back(texts);
  }
  return report;
}

void MainWindow::chooseReport() {
  if (m_document.selectedRow() < 0) return;
  const QString path = QFileDialog::getSaveFileName(this, tr("Report of the layer"),
                                                    QFileInfo(m_document.path()).absolutePath() + QStringLiteral("/layer.html"),
                                                    tr("HTML (*.html);;PDF (*.pdf)"));
  if (!path.isEmpty()) exportReport(path);
}

void MainWindow::exportReport(const QString& path) {
  if (m_document.selectedRow() < 0) return;
  const QString problem = writeReport(layerReport(), path);
  if (!problem.isEmpty()) return m_banner->tell(problem);
  statusBar()->showMessage(tr("Written: %1").arg(path), 8000);
}

}  // namespace app
