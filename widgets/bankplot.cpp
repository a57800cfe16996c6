#include "widgets/bankplot.h"

#include <QKeyEvent>
#include <QLinearGradient>
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "widgets/format.h"
#include "widgets/plotparts.h"

namespace widgets {
namespace {

constexpr double decades = 6;
constexpr size_t mostColumns = 2048;

struct Stop {
  double position;
  QRgb colour;
};

// Cividis (Nunez, Anderton and Renslow 2018): even in lightness, and the same to red-green blind eyes.
constexpr std::array<Stop, 7> cividis = {{{0.0, 0xff00224e},
                                          {0.17, 0xff2a3f6d},
                                          {0.34, 0xff575d6d},
                                          {0.5, 0xff7d7c78},
                                          {0.67, 0xffa59c74},
                                          {0.84, 0xffd2c060},
                                          {1.0, 0xfffee838}}};

}  // namespace

BankPlot::BankPlot(QWidget* parent) : Plot(tr("Filter bank"), parent), m_map(new QCPColorMap(xAxis(), yAxis())) {
  QCPColorGradient gradient;
  gradient.clearColorStops();
  for (const Stop& stop : cividis) gradient.setColorStopAt(stop.position, QColor::fromRgb(stop.colour));
  m_map->setGradient(gradient);
  m_map->setInterpolate(false);
  m_map->setTightBoundary(false);
  m_map->setSelectable(QCP::stNone);
  m_map->setDataRange({-decades, 0});
  yAxis()->setRangeReversed(true);  // the first channel on top, as in the table
  new PaintLayer(canvas(), QStringLiteral("overlay"), [this](QCPPainter& painter) { drawScale(painter); });
  new PaintLayer(canvas(), QStringLiteral("handles"), [this](QCPPainter& painter) { drawSelection(painter); });
  setLogAllowed(false, false);
  setEmptyText(tr("Select a layer to see all its filters."));
  scaleTypesChanged();
  themeChanged();
}

void BankPlot::setValues(std::vector<double> values, size_t columns, Quantity quantity) {
  m_columns = columns;
  m_channels = columns > 0 ? values.size() / columns : 0;
  m_values = std::move(values);
  m_quantity = quantity;
  m_largest = 0;
  for (const double value : m_values) {
    if (std::isfinite(value)) m_largest = std::max(m_largest, std::abs(value));
  }
  if (m_selected && static_cast<size_t>(*m_selected) >= m_channels) m_selected.reset();
  m_brushFrom.reset();

  const size_t group = (m_columns + mostColumns - 1) / std::max<size_t>(1, mostColumns);
  const size_t cells = m_channels > 0 ? (m_columns + group - 1) / group : 0;
  QCPColorMapData* map = m_map->data();
  map->setSize(static_cast<int>(cells), static_cast<int>(m_channels));
  // Cells are centred on their coordinates; a cell of several columns on the middle of them.
  const double first = quantity == Quantity::SingularValues ? 1 : 0;
  const double start = first + 0.5 * static_cast<double>(group > 0 ? group - 1 : 0);
  map->setRange({start, start + static_cast<double>(group) * std::max(1.0, static_cast<double>(cells) - 1)},
                {0, std::max(1.0, static_cast<double>(m_channels) - 1)});
  for (size_t channel = 0; channel < m_channels; ++channel) {
    const double* row = m_values.data() + channel * m_columns;
    for (size_t cell = 0; cell < cells; ++cell) {
      double most = 0;
      for (size_t i = cell * group; i < std::min(m_columns, (cell + 1) * group); ++i)
        most = std::max(most, std::abs(row[i]));
      const double share = m_largest > 0 ? most / m_largest : 0;
      map->setCell(static_cast<int>(cell), static_cast<int>(channel),
                   share > 0 ? std::max(-decades, std::log10(share)) : -decades);
    }
  }
  scaleTypesChanged();
  fit();
}

void BankPlot::setSelected(std::optional<int> channel) {
  if (channel && (*channel < 0 || static_cast<size_t>(*channel) >= m_channels)) channel.reset();
  if (channel == m_selected) return;
  m_selected = channel;
  canvas()->layer(QStringLiteral("handles"))->replot();
}

int BankPlot::channelAt(QPointF pixel) const {
  const double channel = std::round(yAxis()->pixelToCoord(pixel.y()));
  return static_cast<int>(std::clamp(channel, 0.0, static_cast<double>(m_channels) - 1));
}

bool BankPlot::beginDrag(QPointF pixel) {
  if (!QRectF(mainRect()->rect()).contains(pixel)) return false;
  m_brushFrom = m_brushTo = channelAt(pixel);
  return true;
}

void BankPlot::dragTo(QPointF pixel) {
  m_brushTo = channelAt(pixel);
  canvas()->layer(QStringLiteral("handles"))->replot();
}

void BankPlot::endDrag(QPointF) {
  const int from = std::exchange(m_brushFrom, std::nullopt).value_or(0);
  if (from == m_brushTo) {
    setSelected(from);
    Q_EMIT channelSelected(from);
  } else {
    Q_EMIT channelsBrushed(std::min(from, m_brushTo), std::max(from, m_brushTo));
  }
  canvas()->layer(QStringLiteral("handles"))->replot();
}

void BankPlot::keyPressEvent(QKeyEvent* event) {
  const int step = event->key() == Qt::Key_Down ? 1 : event->key() == Qt::Key_Up ? -1 : 0;
  if (step == 0 || isEmpty()) return Plot::keyPressEvent(event);
  const int channel = std::clamp(m_selected ? *m_selected + step : 0, 0, static_cast<int>(m_channels) - 1);
  if (channel == m_selected) return;
  setSelected(channel);
  Q_EMIT channelSelected(channel);
}

void BankPlot::fitRanges() {
  const double first = m_quantity == Quantity::SingularValues ? 1 : 0;
  xAxis()->setRange(first - 0.5, first + static_cast<double>(m_columns) - 0.5);
  yAxis()->setRange(-0.5, static_cast<double>(m_channels) - 0.5);
}

void BankPlot::themeChanged() {
  // Room at the right for the colour scale and its labels.
  const double width = QFontMetricsF(theme().font(TextSize::Caption)).horizontalAdvance(QStringLiteral("10⁻⁶"));
  mainRect()->setMinimumMargins(QMargins(0, theme().space(1), theme().space(7) + static_cast<int>(width), 0));
}

void BankPlot::scaleTypesChanged() {
  useTicker(xAxis(), Ticks::Integers, 6);
  useTicker(yAxis(), Ticks::Integers, 6);
  if (m_quantity == Quantity::SingularValues) {
    setAxisTitles(tr("index of σ"), {}, tr("channel"), {});
  } else {
    setAxisTitles(tr("lag t"), tr("tokens"), tr("channel"), {});
  }
}

void BankPlot::drawSelection(QPainter& painter) const {
  if (isEmpty()) return;
  const QRectF area(mainRect()->rect());
  const auto band = [&](int first, int last) {
    const double top = yAxis()->coordToPixel(first - 0.5);
    const double bottom = yAxis()->coordToPixel(last + 0.5);
    return QRectF(area.left(), top, area.width(), std::max(1.0, bottom - top));
  };
  painter.setClipRect(area);
  if (m_brushFrom && m_brushTo != *m_brushFrom) {
    QColor fill = theme().colour(Role::Accent);
    painter.setPen(QPen(fill, 1.5 * theme().scale()));
    fill.setAlphaF(0.25F);
    painter.setBrush(fill);
    painter.drawRect(band(std::min(*m_brushFrom, m_brushTo), std::max(*m_brushFrom, m_brushTo)));
  }
  painter.setClipping(false);
  if (!m_selected) return;
  const QRectF row = band(*m_selected, *m_selected);
  if (row.bottom() < area.top() || row.top() > area.bottom()) return;
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(QColor(Qt::white), 1.2 * theme().scale()));
  if (row.height() > 3) painter.drawRect(row & area);
  // A pointer beside the rows: seen on any colour and at any height of a row.
  const double r = 5 * theme().scale();
  const QPointF tip(area.left(), std::clamp(row.center().y(), area.top(), area.bottom()));
  painter.setPen(QPen(theme().colour(Role::Surface), theme().scale()));
  painter.setBrush(theme().colour(Role::Accent));
  painter.drawPolygon(QPolygonF({tip + QPointF(r, 0), tip + QPointF(-r, -r), tip + QPointF(-r, r)}));
}

void BankPlot::drawScale(QPainter& painter) const {
  if (isEmpty()) return;
  const QRectF area(mainRect()->rect());
  const QRectF bar(area.right() + theme().space(2), area.top(), theme().space(2), area.height());
  QLinearGradient gradient(bar.bottomLeft(), bar.topLeft());
  for (const Stop& stop : cividis) gradient.setColorAt(stop.position, QColor::fromRgb(stop.colour));
  painter.setPen(Qt::NoPen);
  painter.setBrush(gradient);
  painter.drawRoundedRect(bar, 2, 2);
  const QFont font = theme().font(TextSize::Caption);
  const double height = QFontMetricsF(font).height();
  painter.setFont(font);
  painter.setPen(theme().colour(Role::MutedText));
  for (int decade = 0; decade <= static_cast<int>(decades); decade += 2) {
    const double y = bar.top() + bar.height() * decade / decades;
    const double top = std::clamp(y - height / 2, bar.top() - 1, bar.bottom() - height + 1);
    painter.drawText(QRectF(bar.right() + theme().space(1), top, 200, height), Qt::AlignLeft | Qt::AlignVCenter,
                     decade == 0 ? tr("max") : powerOfTen(-decade));
  }
}

std::optional<Readout> BankPlot::readoutAt(QPointF pixel) const {
  const double first = m_quantity == Quantity::SingularValues ? 1 : 0;
  const double column = std::round(xAxis()->pixelToCoord(pixel.x()) - first);
  if (column < 0 || column >= static_cast<double>(m_columns)) return std::nullopt;
  const int channel = channelAt(pixel);
  const double value = m_values[static_cast<size_t>(channel) * m_columns + static_cast<size_t>(column)];
  Readout readout;
  readout.crosshair = false;
  readout.item = channel;
  readout.lines.push_back({tr("channel"), QString::number(channel)});
  readout.lines.push_back(
      {m_quantity == Quantity::SingularValues ? tr("index") : tr("t"), count(qRound64(column + first))});
  readout.lines.push_back({m_quantity == Quantity::SingularValues ? tr("σ") : tr("h"), number(value)});
  return readout;
}

QString BankPlot::summary() const {
  QString text = tr("%1 channels of %2, largest magnitude %3").arg(m_channels).arg(m_columns).arg(number(m_largest));
  if (m_selected) text += tr(", channel %1 selected").arg(*m_selected);
  return text;
}

DataTable BankPlot::table() const {
  DataTable table;
  for (size_t channel = 0; channel < m_channels; ++channel) {
    const auto row = m_values.begin() + static_cast<ptrdiff_t>(channel * m_columns);
    table.add(tr("channel %1").arg(channel), {row, row + static_cast<ptrdiff_t>(m_columns)});
  }
  return table;
}

}  // namespace widgets
