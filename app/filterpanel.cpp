#include "app/filterpanel.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QScrollBar>
#include <QTableView>
#include <QTimer>
#include <QVBoxLayout>

#include "widgets/format.h"
#include "widgets/sparkline.h"
#include "widgets/theme.h"

namespace app {

FilterPanel::FilterPanel(Document& document, Survey& survey, QWidget* parent)
    : QWidget(parent), m_document(document), m_survey(survey) {
  m_table = new FilterTable(document, survey, this);
  m_proxy = new FilterTableView(*m_table, this);

  m_search = new QLineEdit;
  m_search->setObjectName(QStringLiteral("filterSearch"));
  m_search->setPlaceholderText(tr("Search: layer:3 err>1e-2 ratio>1.5"));
  m_search->setAccessibleName(tr("Search filters"));
  m_search->setToolTip(
      tr("Terms separated by spaces; layer, channel, op, err, order, suggested, ratio, energy, length, eff, radius with : = < > "
         "<= >="));
  m_search->setClearButtonEnabled(true);
  m_count = new QLabel;
  m_problem = new QLabel;
  m_problem->setWordWrap(true);
  m_problem->hide();

  m_view = new QTableView;
  m_view->setObjectName(QStringLiteral("filterTable"));
  m_view->setAccessibleName(tr("Filters"));
  m_view->setModel(m_proxy);
  m_view->setSortingEnabled(true);
  m_view->sortByColumn(FilterTable::name, Qt::AscendingOrder);
  m_view->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_view->setSelectionMode(QAbstractItemView::ExtendedSelection);
  m_view->setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::EditKeyPressed);
  m_view->setShowGrid(false);
  m_view->setWordWrap(false);
  m_view->setTabKeyNavigation(false);
  m_view->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
  m_view->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
  m_view->verticalHeader()->hide();
  m_view->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  m_view->horizontalHeader()->setHighlightSections(false);
  m_view->horizontalHeader()->setSectionsMovable(true);
  m_view->horizontalHeader()->setStretchLastSection(true);
  m_view->horizontalHeader()->moveSection(FilterTable::suggested, FilterTable::order + 1);  // beside what was chosen
  m_view->setItemDelegateForColumn(FilterTable::sigmaDecay, new widgets::SparklineDelegate(m_view));

  auto* top = new QHBoxLayout;
  top->addWidget(m_search, 1);
  top->addWidget(m_count);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(8, 8, 8, 8);
  layout->setSpacing(8);
  layout->addLayout(top);
  layout->addWidget(m_problem);
  layout->addWidget(m_view, 1);

  m_visible = new QTimer(this);
  m_visible->setSingleShot(true);
  m_visible->setInterval(120);
  connect(m_visible, &QTimer::timeout, this, &FilterPanel::reportVisibleRows);
  connect(m_view->verticalScrollBar(), &QScrollBar::valueChanged, m_visible, qOverload<>(&QTimer::start));
  connect(m_proxy, &QAbstractItemModel::layoutChanged, m_visible, qOverload<>(&QTimer::start));
  connect(m_proxy, &QAbstractItemModel::modelReset, m_visible, qOverload<>(&QTimer::start));

  connect(m_search, &QLineEdit::textChanged, this, &FilterPanel::search);
  m_search->installEventFilter(this);
  connect(m_view->selectionModel(), &QItemSelectionModel::currentChanged, this,
          [this](const QModelIndex& current) { m_document.select(m_proxy->documentRow(current)); });
  connect(&document, &Document::selectionChanged, this, &FilterPanel::followSelection);
  connect(&document, &Document::opened, this, [this] {
    m_search->clear();
    refreshCount();
  });
  restyle();
  refreshCount();
}

std::vector<int> FilterPanel::selectedRows() const {
  std::vector<int> rows;
  for (const QModelIndex& index : m_view->selectionModel()->selectedRows()) rows.push_back(m_proxy->documentRow(index));
  return rows;
}

void FilterPanel::sortByCurrentColumn() {
  const QHeaderView* header = m_view->horizontalHeader();
  const int column = m_view->currentIndex().isValid() ? m_view->currentIndex().column() : 0;
  const bool turn = header->sortIndicatorSection() == column && header->sortIndicatorOrder() == Qt::AscendingOrder;
  m_view->sortByColumn(column, turn ? Qt::DescendingOrder : Qt::AscendingOrder);
}

void FilterPanel::search() {
  const QString problem = m_proxy->setSearch(m_search->text());
  m_problem->setText(problem);
  m_problem->setVisible(!problem.isEmpty());
  refreshCount();
  followSelection();
  m_visible->start();
}

void FilterPanel::refreshCount() {
  const int shown = m_proxy->rowCount(), all = m_table->rowCount();
  m_count->setText(shown == all ? (all == 1 ? tr("%1 filter") : tr("%1 filters")).arg(widgets::count(all))
                                : tr("%1 of %2").arg(widgets::count(shown), widgets::count(all)));
}

void FilterPanel::followSelection() {
  const int row = m_document.selectedRow();
  if (row < 0) return;
  const QModelIndex index =
      m_proxy->indexOfRow(row, m_view->currentIndex().isValid() ? m_view->currentIndex().column() : 0);
  // Focus alone makes a row current without selecting it, so both are asked.
  const bool current = m_proxy->documentRow(m_view->currentIndex()) == row;
  if (index.isValid() && !(current && m_view->selectionModel()->isRowSelected(index.row())))
    m_view->setCurrentIndex(index);
}

void FilterPanel::reportVisibleRows() {
  const int first = m_view->rowAt(0);
  if (first < 0) return;
  int last = m_view->rowAt(m_view->viewport()->height() - 1);
  if (last < 0) last = m_proxy->rowCount() - 1;
  std::vector<int> rows;
  for (int row = first; row <= last; ++row) rows.push_back(m_proxy->documentRow(m_proxy->index(row, 0)));
  m_survey.setVisibleRows(std::move(rows));
}

bool FilterPanel::eventFilter(QObject* watched, QEvent* event) {
  // From the search line, Down and Return go on to the rows found.
  if (watched == m_search && event->type() == QEvent::KeyPress) {
    const int key = static_cast<QKeyEvent*>(event)->key();
    if (key == Qt::Key_Down || key == Qt::Key_Return || key == Qt::Key_Enter) {
      m_view->setFocus(Qt::TabFocusReason);
      if (m_proxy->rowCount() > 0 && (!m_view->currentIndex().isValid() || key != Qt::Key_Down))
        m_view->setCurrentIndex(m_proxy->index(0, 0));
      return true;
    }
  }
  return QWidget::eventFilter(watched, event);
}

bool FilterPanel::event(QEvent* event) {
  if (event->type() == widgets::themeChangeEvent()) restyle();
  return QWidget::event(event);
}

void FilterPanel::restyle() {
  using widgets::TextSize;
  const widgets::Theme theme = widgets::applicationTheme();
  const QFont figures = theme.figures(TextSize::Body);
  m_view->setFont(figures);
  m_view->horizontalHeader()->setFont(theme.font(TextSize::Caption));
  m_view->verticalHeader()->setDefaultSectionSize(theme.space(6));
  const int digit = QFontMetrics(figures).horizontalAdvance(QLatin1Char('0'));
  const int widths[FilterTable::columns] = {8, 11, 7, 9, 8, 11, 9, 8, 10, 10};
  for (int column = 0; column < FilterTable::columns; ++column)
    m_view->setColumnWidth(column, digit * widths[column] + theme.space(4));
  m_count->setStyleSheet(QStringLiteral("color: %1;").arg(theme.colour(widgets::Role::MutedText).name()));
  m_problem->setStyleSheet(QStringLiteral("color: %1;").arg(theme.colour(widgets::Role::Unstable).name()));
}

}  // namespace app
