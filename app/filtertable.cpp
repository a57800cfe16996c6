#include "app/filtertable.h"

#include <QIcon>
#include <QList>
#include <QPainter>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "app/format.h"
#include "widgets/format.h"
#include "widgets/sparkline.h"
#include "widgets/theme.h"

namespace app {

namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

struct ColumnText {
  const char* title;
  const char* explanation;
};
constexpr std::array<ColumnText, FilterTable::columns> columnTexts{{
    {"Filter", "Layer and channel (or head) of the filter"},
    {"σ decay", "Hankel singular values on a logarithmic scale: the steeper, the fewer states suffice"},
    {"Order", "Real states the distilled filter keeps; a conjugate pair counts 2. Double-click to change"},
    {"Error", "Relative l2 error of the fit on the window, ‖h − ĥ‖ / ‖h‖"},
    {"× best", "Error over its certificate: at most this many times the best any recurrence of this order could do"},
    {"Eff. length", "First taps that hold 99.9 % of the energy"},
    {"Energy", "Sum of squared taps, ‖h‖²"},
    {"Length", "Taps of the impulse response"},
    {"Radius", "Largest |λ| of the fit; below 1 is stable"},
    {"Suggested", "Smallest order within the tolerance of the tool bar by a first curve; “Fit to tolerance” looks harder"},
}};

// A padlock in the colour of the text, drawn once per colour.
QIcon lockIcon() {
  static QIcon icon;
  static QRgb drawnIn = 0;
  const QColor colour = widgets::applicationTheme().colour(widgets::Role::Text);
  if (drawnIn == colour.rgba()) return icon;
  drawnIn = colour.rgba();
  QPixmap pixmap(48, 48);
  pixmap.fill(Qt::transparent);
  QPainter painter(&pixmap);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(QPen(colour, 4.5));
  painter.drawArc(QRectF(15, 6, 18, 24), 0, 180 * 16);
  painter.drawLine(QPointF(15, 18), QPointF(15, 22));
  painter.drawLine(QPointF(33, 18), QPointF(33, 22));
  painter.setPen(Qt::NoPen);
  painter.setBrush(colour);
  painter.drawRoundedRect(QRectF(9, 21, 30, 21), 4, 4);
  painter.end();
  return icon = QIcon(pixmap);
}

}  // namespace

FilterTable::FilterTable(Document& document, Survey& survey, QObject* parent)
    : QAbstractTableModel(parent), m_document(document), m_survey(survey) {
  connect(&document, &Document::opened, this, [this] {
    beginResetModel();
    m_rows = m_document.filterCount();
    endResetModel();
  });
  // Few rows cell by cell: a table repaints one cell alone, but the whole view for any larger range.
  const auto announce = [this](const std::vector<int>& rows, int first, int last) {
    if (rows.empty() || m_rows == 0) return;
    const auto [low, high] = std::minmax_element(rows.begin(), rows.end());
    if (*high >= m_rows) return;
    if (rows.size() > 4) {
      Q_EMIT dataChanged(index(*low, first), index(*high, last));
      return;
    }
    for (const int row : rows)
      for (int column = first; column <= last; ++column) Q_EMIT dataChanged(index(row, column), index(row, column));
  };
  connect(&survey, &Survey::summarised, this,
          [announce](const std::vector<int>& rows) { announce(rows, sigmaDecay, suggested); });
  connect(&document, &Document::ordersChanged, this,
          [announce](const std::vector<int>& rows) { announce(rows, order, radius); });
  connect(&document, &Document::locksChanged, this,
          [announce](const std::vector<int>& rows) { announce(rows, order, order); });
}

void FilterTable::setTolerance(double relative) {
  m_tolerance = relative;
  if (m_rows > 0) Q_EMIT dataChanged(index(0, suggested), index(m_rows - 1, suggested));
}

int FilterTable::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : m_rows;
}

int FilterTable::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : Column::columns;
}

Qt::ItemFlags FilterTable::flags(const QModelIndex& index) const {
  Qt::ItemFlags flags = QAbstractTableModel::flags(index);
  if (index.isValid() && index.column() == order && !m_document.locked(index.row())) flags |= Qt::ItemIsEditable;
  return flags;
}

bool FilterTable::setData(const QModelIndex& index, const QVariant& value, int role) {
  bool isNumber = false;
  const int wanted = value.toInt(&isNumber);
  if (!index.isValid() || index.column() != order || role != Qt::EditRole || !isNumber || wanted < 0 ||
      wanted > Document::maxOrder)
    return false;
  m_document.setOrder({index.row()}, wanted);
  return true;
}

QVariant FilterTable::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= Column::columns) return {};
  const ColumnText& text = columnTexts[static_cast<std::size_t>(section)];
  if (role == Qt::DisplayRole) return tr(text.title);
  if (role == Qt::ToolTipRole) return tr(text.explanation);
  if (role == Qt::TextAlignmentRole)
    return QVariant(section == name || section == sigmaDecay ? Qt::AlignLeft | Qt::AlignVCenter
                                                             : Qt::AlignRight | Qt::AlignVCenter);
  return {};
}

QVariant FilterTable::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= m_rows) return {};
  const int row = index.row();
  switch (role) {
    case Qt::DisplayRole:
      return display(row, index.column());
    case Qt::EditRole:
      return index.column() == order ? QVariant(m_document.order(row)) : display(row, index.column());
    case Qt::TextAlignmentRole:
      return headerData(index.column(), Qt::Horizontal, role);
    case Qt::AccessibleTextRole:
      return tr("%1 %2%3").arg(tr(columnTexts[static_cast<std::size_t>(index.column())].title),
                               display(row, index.column()).toString(),
                               index.column() == order && m_document.locked(row) ? tr(", locked") : QString());
    case Qt::DecorationRole:
      return index.column() == order && m_document.locked(row) ? QVariant(lockIcon()) : QVariant();
    case Qt::ToolTipRole:
      return index.column() == order && m_document.locked(row) ? QVariant(tr("Locked: keeps its order (K unlocks)"))
                                                               : QVariant();
    case sortRole:
      return sortValue(row, index.column());
    case widgets::SparklineDelegate::valuesRole: {
      const FilterSummary& summary = m_survey.summary(row);
      if (!summary.fitted || !(summary.statistics.energy > 0)) return {};
      return QVariant::fromValue(QList<double>(summary.sigma.begin(), summary.sigma.end()));
    }
    case widgets::SparklineDelegate::keptRole:
      return m_document.order(row);
    default:
      return {};
  }
}

QVariant FilterTable::display(int row, int column) const {
  const FilterSummary& s = m_survey.summary(row);
  const bool current = s.fitted && s.order == m_document.order(row);
  const QString pending = QStringLiteral("…");
  switch (column) {
    case name:
      return m_document.filterName(row);
    case length:
      return QString::number(
          m_document.checkpoint()->banks()[static_cast<std::size_t>(m_document.filterId(row).bank)].lengthSamples);
    case energy:
      return !s.described ? pending : s.statistics.finite ? widgets::number(s.statistics.energy, 3) : tr("not finite");
    case effectiveLength:
      return s.described ? QString::number(s.statistics.effectiveLengthSamples) : pending;
    case sigmaDecay:
      return {};
    case order:
      return QString::number(m_document.order(row));
    case error:
      return current ? percent(s.errorRelative) : pending;
    case ratio:
      return !current ? pending : s.ratio() > 0 ? QString::number(s.ratio(), 'f', 2) : QStringLiteral("–");
    case radius:
      return current ? QString::number(s.spectralRadius, 'f', 5) : pending;
    case suggested: {
      const int wanted = m_survey.suggestedOrder(row, m_tolerance);
      if (wanted < 0) return s.fitted ? QStringLiteral("–") : pending;
      return wanted > Document::maxOrder ? tr("> %1").arg(Document::maxOrder) : QString::number(wanted);
    }
    default:
      return {};
  }
}

double FilterTable::sortValue(int row, int column) const {
  switch (column) {
    case name:
      return row;
    case length:
      return value(row, SearchKey::length);
    case energy:
      return value(row, SearchKey::energy);
    case effectiveLength:
      return value(row, SearchKey::effectiveLength);
    case sigmaDecay: {
      const FilterSummary& s = m_survey.summary(row);
      if (!s.fitted) return unknown;
      double sum = 0;
      for (const float x : s.sigma) sum += std::log10(std::max(static_cast<double>(x), 1e-8));
      return sum;  // the steeper the decay, the smaller
    }
    case order:
      return m_document.order(row);
    case error:
      return value(row, SearchKey::error);
    case ratio:
      return value(row, SearchKey::ratio);
    case radius:
      return value(row, SearchKey::radius);
    case suggested:
      return value(row, SearchKey::suggested);
    default:
      return row;
  }
}

double FilterTable::value(int row, SearchKey key) const {
  const FilterSummary& s = m_survey.summary(row);
  const bool current = s.fitted && s.order == m_document.order(row);
  const analysis::FilterId id = m_document.filterId(row);
  const analysis::Bank& bank = m_document.checkpoint()->banks()[static_cast<std::size_t>(id.bank)];
  switch (key) {
    case SearchKey::layer:
      return bank.layer;
    case SearchKey::channel:
      return id.channel;
    case SearchKey::operatorIndex:
      return bank.operatorIndex;
    case SearchKey::length:
      return bank.lengthSamples;
    case SearchKey::order:
      return m_document.order(row);
    case SearchKey::energy:
      return s.described && s.statistics.finite ? s.statistics.energy : unknown;
    case SearchKey::effectiveLength:
      return s.described ? s.statistics.effectiveLengthSamples : unknown;
    case SearchKey::error:
      return current ? static_cast<double>(s.errorRelative) : unknown;
    case SearchKey::ratio:
      return current && s.ratio() > 0 ? static_cast<double>(s.ratio()) : unknown;
    case SearchKey::radius:
      return current ? static_cast<double>(s.spectralRadius) : unknown;
    case SearchKey::locked:
      return m_document.locked(row) ? 1 : 0;
    case SearchKey::suggested: {
      const int wanted = m_survey.suggestedOrder(row, m_tolerance);
      return wanted < 0 ? unknown : wanted;
    }
  }
  return unknown;
}

}  // namespace app
