#include "app/comparepanel.h"

#include <QHeaderView>
#include <QLabel>
#include <QSignalBlocker>
#include <QTableWidget>
#include <QVBoxLayout>
#include <algorithm>

#include "analysis/reduction/alternatives.h"
#include "analysis/reduction/methods/method.h"
#include "app/format.h"
#include "app/plotdeck.h"
#include "widgets/format.h"
#include "widgets/overlay.h"
#include "widgets/poleplot.h"
#include "widgets/signalplot.h"
#include "widgets/spectrumplot.h"
#include "widgets/theme.h"

namespace app {

ComparePanel::ComparePanel(Comparison& comparison, Analyst& analyst, PlotDeck& plots, Reference& reference,
                           QWidget* parent)
    : QWidget(parent), m_comparison(comparison), m_analyst(analyst), m_plots(plots), m_reference(reference) {
  struct Entry {
    QString name, title, explanation;
  };
  std::vector<Entry> all;
  const auto text = [](std::string_view words) {
    return QString::fromUtf8(words.data(), static_cast<qsizetype>(words.size()));
  };
  for (const analysis::Method& entry : analysis::methods())
    all.push_back({text(entry.name), text(entry.title), tr("%1\n%2").arg(text(entry.source), text(entry.cost))});
  for (const analysis::Alternative& entry : analysis::alternatives())
    all.push_back({text(entry.name), text(entry.title),
                   tr("%1\nAnother form of model at equal cost; it takes %2").arg(text(entry.source), text(entry.cost))});
  m_table = new QTableWidget(static_cast<int>(all.size()) + 1, columns);
  m_table->setObjectName(QStringLiteral("compareTable"));
  m_table->setAccessibleName(tr("Methods compared"));
  m_table->setHorizontalHeaderLabels({tr("Method"), tr("Error"), tr("× best"), tr("Radius"), tr("Order"), tr("Time")});
  for (int column = 0; column < m_table->columnCount(); ++column)
    m_table->horizontalHeaderItem(column)->setTextAlignment((column == 0 ? Qt::AlignLeft : Qt::AlignRight) |
                                                            Qt::AlignVCenter);
  m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
  m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_table->setShowGrid(false);
  m_table->setTabKeyNavigation(false);
  m_table->verticalHeader()->hide();
  m_table->horizontalHeader()->setHighlightSections(false);
  for (int row = 0; row < m_table->rowCount(); ++row) {
    for (int column = 0; column < columns; ++column) {
      auto* item = new QTableWidgetItem;
      item->setTextAlignment(column == method ? Qt::AlignLeft | Qt::AlignVCenter : Qt::AlignRight | Qt::AlignVCenter);
      m_table->setItem(row, column, item);
    }
    QTableWidgetItem* name = m_table->item(row, method);
    if (row == 0) {
      name->setText(tr("Polecat, as shown"));
      name->setFlags(Qt::ItemIsEnabled | Qt::ItemIsSelectable);
      continue;
    }
    const Entry& entry = all[static_cast<std::size_t>(row) - 1];
    name->setText(entry.title);
    name->setToolTip(entry.explanation);
    name->setData(Qt::UserRole, entry.name);
    name->setFlags(Qt::ItemIsEnabled | Qt::ItemIsSelectable | Qt::ItemIsUserCheckable);
    name->setCheckState(Qt::Unchecked);
  }
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(8, 8, 8, 8);
  layout->addWidget(m_table);
  m_remarks = new QLabel;
  m_remarks->setObjectName(QStringLiteral("compareRemarks"));
  m_remarks->setAccessibleName(tr("What the other forms keep and save"));
  m_remarks->setWordWrap(true);
  m_remarks->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_remarks->hide();
  layout->addWidget(m_remarks);
  connect(m_table, &QTableWidget::itemChanged, this, [this](QTableWidgetItem* item) {
    if (item->column() == method) readTicks();
  });
  connect(&comparison, &Comparison::changed, this, &ComparePanel::refresh);
  connect(&reference, &Reference::changed, this, &ComparePanel::refreshOverlays);
  connect(&analyst, &Analyst::fitted, this, &ComparePanel::refresh);
  connect(&analyst, &Analyst::analysed, this, &ComparePanel::refresh);
  restyle();
}

void ComparePanel::readTicks() {
  std::vector<QString> names;
  for (int row = 1; row < m_table->rowCount(); ++row)
    if (m_table->item(row, method)->checkState() == Qt::Checked)
      names.push_back(m_table->item(row, method)->data(Qt::UserRole).toString());
  m_comparison.setMethods(names);
}

void ComparePanel::tick(const std::vector<std::string>& methods) {
  {
    const QSignalBlocker quiet(m_table);
    for (int row = 1; row < m_table->rowCount(); ++row) {
      QTableWidgetItem* name = m_table->item(row, method);
      const bool wanted = std::find(methods.begin(), methods.end(),
                                    name->data(Qt::UserRole).toString().toStdString()) != methods.end();
      name->setCheckState(wanted ? Qt::Checked : Qt::Unchecked);
    }
  }
  readTicks();
}

void ComparePanel::setRow(int row, const MethodResult* result) {
  const auto set = [&](int column, const QString& text) { m_table->item(row, column)->setText(text); };
  for (int column = error; column < columns; ++column) m_table->item(row, column)->setToolTip({});
  if (!result || result->order < 0) {
    for (int column = error; column < columns; ++column) set(column, {});
    if (!result || result->problem.isEmpty()) return;
    set(error, tr("no result"));
    m_table->item(row, error)->setToolTip(result->problem);
    return;
  }
  const auto known = m_analyst.current();
  const auto shown = m_analyst.fit();
  double bound = 0;
  if (result->recurrence && known && known->certificate && shown &&
      shown->order < static_cast<int>(known->certificate->error.size()))
    bound = known->certificate->error[static_cast<std::size_t>(shown->order)];
  set(error, percent(result->errorRelative));
  set(ratio, bound > 0 ? QString::number(result->errorRelative / bound, 'f', 2) : QStringLiteral("–"));
  set(radius, QString::number(result->spectralRadius, 'f', 5));
  set(order, QString::number(result->order));
  set(time, result->seconds < 0   ? QString()
            : result->seconds < 1 ? tr("%1 ms").arg(widgets::number(1e3 * result->seconds, 3))
                                  : tr("%1 s").arg(widgets::number(result->seconds, 3)));
  for (int column = error; column < columns; ++column) m_table->item(row, column)->setToolTip(result->remark);
}

void ComparePanel::refresh() {
  if (!isVisible() && m_comparison.methods().empty()) return;
  const QSignalBlocker quiet(m_table);
  const auto shown = m_analyst.fit();
  MethodResult own;
  if (shown) {
    own.errorRelative = shown->fit->errorRelative;
    own.spectralRadius = shown->fit->model.spectralRadius();
    own.order = shown->fit->model.order();
    own.seconds = -1;
  }
  setRow(0, &own);
  QStringList remarks;
  for (int row = 1; row < m_table->rowCount(); ++row) {
    const QString name = m_table->item(row, method)->data(Qt::UserRole).toString();
    const auto& results = m_comparison.results();
    const auto found =
        std::find_if(results.begin(), results.end(), [&](const MethodResult& r) { return r.method == name; });
    setRow(row, found == results.end() ? nullptr : &*found);
    if (found != results.end() && !found->remark.isEmpty())
      remarks << tr("%1: %2.").arg(m_table->item(row, method)->text(), found->remark);
  }
  m_remarks->setText(remarks.join(QLatin1Char('\n')));
  m_remarks->setVisible(!remarks.isEmpty());
  m_table->viewport()->update();
  refreshOverlays();
}

void ComparePanel::refreshOverlays() {
  std::vector<widgets::Overlay> signals_, spectra;
  std::vector<widgets::PoleOverlay> poles;
  // What the filter is laid against comes first, so that its look does not depend on the methods.
  if (const auto& reference = m_reference.view()) {
    signals_.push_back({reference->name, reference->taps});
    spectra.push_back({reference->name, reference->decibels});
    const QString difference = tr("difference, %1 of it").arg(percent(reference->distanceRelative));
    signals_.push_back({difference, reference->difference});
    spectra.push_back({difference, reference->differenceDecibels});
    poles.resize(2);  // nobody fitted it; the methods keep one look in all plots
  }
  for (const MethodResult& result : m_comparison.results()) {
    if (result.order < 0) continue;
    signals_.push_back({result.method, result.impulse});
    spectra.push_back({result.method, result.decibels});
    poles.push_back({result.method, result.poles});
  }
  m_plots.signal().setOverlays(std::move(signals_));
  m_plots.spectrum().setOverlays(std::move(spectra));
  m_plots.poles().setOverlays(std::move(poles));
}

bool ComparePanel::event(QEvent* event) {
  if (event->type() == widgets::themeChangeEvent()) restyle();
  if (event->type() == QEvent::Show) refresh();
  return QWidget::event(event);
}

void ComparePanel::restyle() {
  const widgets::Theme theme = widgets::applicationTheme();
  const QFont figures = theme.figures(widgets::TextSize::Body);
  m_table->setFont(figures);
  m_remarks->setFont(theme.font(widgets::TextSize::Caption));
  m_table->horizontalHeader()->setFont(theme.font(widgets::TextSize::Caption));
  m_table->verticalHeader()->setDefaultSectionSize(theme.space(6));
  m_table->setMinimumHeight(theme.space(46));  // six methods at least
  const int digit = QFontMetrics(figures).horizontalAdvance(QLatin1Char('0'));
  const int widths[columns] = {40, 10, 8, 10, 8, 11};
  for (int column = 0; column < columns; ++column)
    m_table->setColumnWidth(column, digit * widths[column] + theme.space(3));
}

}  // namespace app
