#include "widgets/laneplot.h"

#include <QTimer>
#include <algorithm>
#include <cmath>
#include <utility>

#include "widgets/format.h"
#include "widgets/plotparts.h"

namespace widgets {
namespace {

constexpr int frameMilliseconds = 33;
constexpr int medianTokens = 31;

// Of the last `medianTokens` points.
double medianOfLatest(const QCPGraphDataContainer& points) {
  std::array<double, medianTokens> values{};
  const auto count = std::min<qsizetype>(medianTokens, points.size());
  std::transform(points.constEnd() - count, points.constEnd(), values.begin(), [](const auto& p) { return p.value; });
  std::nth_element(values.begin(), values.begin() + count / 2, values.begin() + count);
  return values[static_cast<size_t>(count / 2)];
}

}  // namespace

LanePlot::LanePlot(Quantity quantity, QWidget* parent)
    : Plot({}, parent),
      m_quantity(quantity),
      m_lanes{{{Role::Transformer, tr("Transformer"), nullptr},
               {Role::Original, tr("Original"), nullptr},
               {Role::Distilled, tr("Distilled"), nullptr}}},
      m_frame(new QTimer(this)) {
  for (Lane& lane : m_lanes) {
    lane.graph = canvas()->addGraph(xAxis(), yAxis());
    lane.graph->setSelectable(QCP::stNone);
  }
  if (quantity == Quantity::MillisecondsPerToken) {
    for (Lane& lane : m_lanes) {  // above what was measured
      lane.usual = canvas()->addGraph(xAxis(), yAxis());
      lane.usual->setSelectable(QCP::stNone);
    }
  }
  m_frame->setSingleShot(true);
  m_frame->setInterval(frameMilliseconds);
  connect(m_frame, &QTimer::timeout, this, [this] { refresh(); });
  new PaintLayer(canvas(), QStringLiteral("overlay"), [this](QCPPainter& painter) { drawLatest(painter); });
  switch (quantity) {
    case Quantity::MillisecondsPerToken:
      setTitle(tr("Time per token"));
      setAxisTitles(tr("position"), tr("tokens"), tr("median of %1").arg(medianTokens), tr("ms"));
      break;
    case Quantity::BytesPerSequence:
      setTitle(tr("Memory per sequence"));
      setAxisTitles(tr("position"), tr("tokens"), tr("state and cache"), {});
      break;
    case Quantity::TokensPerSecond:
      setTitle(tr("Throughput over batch"));
      setAxisTitles(tr("batch"), tr("sequences"), tr("throughput"), tr("tokens/s"));
      setLogX(true);
      setLogY(true);
      break;
  }
  setEmptyText(tr("Press Generate to race the lanes."));
  scaleTypesChanged();
  themeChanged();
}

void LanePlot::append(Role role, std::span<const double> positions, std::span<const double> values) {
  const auto lane = std::find_if(m_lanes.begin(), m_lanes.end(), [role](const Lane& l) { return l.role == role; });
  Q_ASSERT_X(lane != m_lanes.end(), "LanePlot::append", "not a lane");
  if (lane == m_lanes.end()) return;
  const bool first = lane->graph->data()->isEmpty();
  const size_t count = std::min(positions.size(), values.size());
  for (size_t i = 0; i < count; ++i) {
    if (!std::isfinite(positions[i]) || !std::isfinite(values[i])) continue;
    lane->graph->addData(positions[i], values[i]);
    if (lane->usual) lane->usual->addData(positions[i], medianOfLatest(*lane->graph->data()));
  }
  if (first) updateLegend();
  if (!m_frame->isActive()) m_frame->start();
}

void LanePlot::clear() {
  for (Lane& lane : m_lanes) {
    lane.graph->data()->clear();
    if (lane.usual) lane.usual->data()->clear();
  }
  m_frame->stop();
  updateLegend();
  fit();
}

void LanePlot::setExpectedLength(double positions) {
  m_expected = std::isfinite(positions) ? std::max(0.0, positions) : 0;
  refresh();
}

size_t LanePlot::size(Role role) const {
  for (const Lane& lane : m_lanes) {
    if (lane.role == role) return static_cast<size_t>(lane.graph->dataCount());
  }
  return 0;
}

bool LanePlot::isEmpty() const {
  return std::all_of(m_lanes.begin(), m_lanes.end(),
                     [](const Lane& lane) { return !lane.graph || lane.graph->data()->isEmpty(); });
}

QString LanePlot::text(double value) const {
  switch (m_quantity) {
    case Quantity::BytesPerSequence:
      return bytes(value);
    case Quantity::TokensPerSecond:
      return value >= 1e6 ? tr("%1 Mtok/s").arg(number(value * 1e-6, 3)) : tr("%1 tok/s").arg(count(qRound64(value)));
    case Quantity::MillisecondsPerToken:
      break;
  }
  return tr("%1 ms").arg(QString::number(value, 'f', value < 10 ? 2 : value < 100 ? 1 : 0));
}

void LanePlot::updateLegend() {
  std::vector<LegendEntry> entries;
  for (const Lane& lane : m_lanes) {
    if (!lane.graph->data()->isEmpty()) entries.push_back({lane.name, lane.role, LegendEntry::Sample::Line});
  }
  setLegend(std::move(entries));
}

void LanePlot::scaleTypesChanged() {
  if (!m_lanes.back().graph) return;
  useTicker(xAxis(), overBatch() ? Ticks::Doublings : Ticks::Integers, 6);
  if (m_quantity == Quantity::BytesPerSequence) {
    QSharedPointer<QCPAxisTicker> ticker(logY() ? new LogTicker(bytes) : new NumberTicker(bytes));
    ticker->setTickCount(5);
    yAxis()->setTicker(ticker);
  } else {
    useTicker(yAxis(), Ticks::Numbers, 5);
  }
}

void LanePlot::themeChanged() {
  if (!m_lanes.back().graph) return;
  for (Lane& lane : m_lanes) {
    QPen pen = theme().pen(lane.role);
    if (lane.usual) {
      lane.usual->setPen(pen);
      pen = QPen(pen.color(), theme().scale());
      QColor faint = pen.color();
      faint.setAlphaF(0.3F);
      pen.setColor(faint);
    }
    lane.graph->setPen(pen);
    if (overBatch())  // few points, measured one by one
      lane.graph->setScatterStyle({QCPScatterStyle::ssDisc, theme().colour(lane.role), theme().markerSize() * 0.7});
  }
  // Room at the right for the latest values, as wide as they can get.
  const double width =
      QFontMetricsF(theme().figures(TextSize::Body, QFont::DemiBold)).horizontalAdvance(u'0') * (overBatch() ? 13 : 9);
  mainRect()->setMinimumMargins(QMargins(0, theme().space(1), static_cast<int>(width), 0));
}

// A token now and then takes a hundred times as long because the machine did something else; it must not flatten the
// rest of the curve. Quantities without such outliers are shown whole.
double LanePlot::usualTop(const Lane& lane) const {
  bool found = false;
  const double largest = lane.graph->data()->valueRange(found).upper;
  if (!found) return 0;
  if (!lane.usual || lane.usual->data()->size() < medianTokens) return largest;
  double usual = 0;  // the first few medians are of too few tokens
  for (auto at = lane.usual->data()->constBegin() + medianTokens / 2; at != lane.usual->data()->constEnd(); ++at)
    usual = std::max(usual, at->value);
  return std::min(1.6 * usual, largest);
}

double LanePlot::latest(const Lane& lane) const {
  return (std::as_const(*(lane.usual ? lane.usual : lane.graph)->data()).constEnd() - 1)->value;
}

void LanePlot::fitRanges() {
  double last = m_expected;
  double least = INFINITY;
  double most = 0;
  for (const Lane& lane : m_lanes) {
    bool found = false;
    const QCPRange keys = lane.graph->data()->keyRange(found);
    if (found) last = std::max(last, keys.upper);
    const QCPRange values = lane.graph->data()->valueRange(found);
    if (!found) continue;
    most = std::max(most, usualTop(lane));
    if (values.lower > 0) least = std::min(least, values.lower);
  }
  last = std::max(last, overBatch() ? 2.0 : 8.0);
  if (!(most > 0)) most = 1;
  // Disks at the edges are shown whole.
  const double margin = overBatch() ? std::pow(last, 0.04) : 1;
  xAxis()->setRange(logX() ? QCPRange(1 / margin, last * margin) : QCPRange(0, last));
  if (logY()) return yAxis()->setRange(std::min(least, most) * 0.6, most * 1.8);
  // The top grows in steps of a third, so that a live axis rests between them.
  const double step = std::pow(4.0 / 3.0, std::ceil(std::log(most * 1.05) / std::log(4.0 / 3.0)));
  yAxis()->setRange(0, step);
}

void LanePlot::drawLatest(QPainter& painter) const {
  if (isEmpty()) return;
  const QRectF area(mainRect()->rect());
  const QFont font = theme().figures(TextSize::Body, QFont::DemiBold);
  const double height = QFontMetricsF(font).height();
  struct Label {
    double y;
    const Lane* lane;
    double value;
  };
  std::vector<Label> labels;
  for (const Lane& lane : m_lanes) {
    if (lane.graph->data()->isEmpty()) continue;
    const double value = latest(lane);
    const QPointF point = pixelAt((lane.graph->data()->constEnd() - 1)->key, value);
    if (area.adjusted(-1, -1, 1, 1).contains(point)) {
      paintMarker(painter, theme().marker(lane.role), point, theme().markerSize() * 1.3, theme().colour(lane.role),
                  theme().colour(Role::Surface));
    }
    labels.push_back({std::clamp(point.y(), area.top() + height / 2, area.bottom() - height / 2), &lane, value});
  }
  std::sort(labels.begin(), labels.end(), [](const Label& a, const Label& b) { return a.y < b.y; });
  for (size_t i = 1; i < labels.size(); ++i) labels[i].y = std::max(labels[i].y, labels[i - 1].y + height);
  double limit = area.bottom() - height / 2;
  for (auto label = labels.rbegin(); label != labels.rend(); ++label) {
    label->y = std::min(label->y, limit);
    limit = label->y - height;
  }
  painter.setFont(font);
  for (const Label& label : labels) {
    const QRectF row(area.right() + theme().space(2), label.y - height / 2, 400, height);
    painter.fillRect(QRectF(row.left(), row.top() + 2, 3 * theme().scale(), row.height() - 4),
                     theme().colour(label.lane->role));
    painter.setPen(theme().colour(Role::Text));
    painter.drawText(row.adjusted(theme().space(2), 0, 0, 0), Qt::AlignLeft | Qt::AlignVCenter, text(label.value));
  }
}

std::optional<Readout> LanePlot::readoutAt(QPointF pixel) const {
  const double position = xAxis()->pixelToCoord(pixel.x());
  Readout readout;
  for (const Lane& lane : m_lanes) {
    const auto& points = *lane.graph->data();
    if (points.isEmpty()) continue;
    auto at = points.findBegin(position, true);
    if (at + 1 != points.constEnd() && std::abs((at + 1)->key - position) < std::abs(at->key - position)) ++at;
    const QPointF place = pixelAt(at->key, at->value);
    if (readout.marks.empty())
      readout.lines.push_back({overBatch() ? tr("batch") : tr("position"), count(qRound64(at->key))});
    readout.marks.push_back({place, lane.role});
    readout.lines.push_back(
        {lane.name, lane.usual ? tr("%1, median %2").arg(text(at->value), text(lane.usual->data()->findBegin(at->key, false)->value))
                               : text(at->value)});
  }
  if (readout.marks.empty()) return std::nullopt;
  return readout;
}

QString LanePlot::summary() const {
  QStringList parts;
  for (const Lane& lane : m_lanes) {
    if (!lane.graph->data()->isEmpty()) parts << lane.name + u' ' + text(latest(lane));
  }
  return parts.join(QStringLiteral(", "));
}

DataTable LanePlot::table() const {
  DataTable table;
  const QString unit = m_quantity == Quantity::BytesPerSequence       ? tr("bytes")
                       : m_quantity == Quantity::MillisecondsPerToken ? tr("ms")
                                                                      : tr("tokens/s");
  for (const Lane& lane : m_lanes) {
    if (lane.graph->data()->isEmpty()) continue;
    std::vector<double> positions, values;
    for (const auto& point : *lane.graph->data()) {
      positions.push_back(point.key);
      values.push_back(point.value);
    }
    table.add((overBatch() ? tr("%1 batch (sequences)") : tr("%1 position (tokens)")).arg(lane.name),
              std::move(positions));
    table.add(tr("%1 (%2)").arg(lane.name, unit), std::move(values));
    if (!lane.usual) continue;
    std::vector<double> medians;
    for (const auto& point : *lane.usual->data()) medians.push_back(point.value);
    table.add(tr("%1, median of %2 (%3)").arg(lane.name).arg(medianTokens).arg(unit), std::move(medians));
  }
  return table;
}

}  // namespace widgets
