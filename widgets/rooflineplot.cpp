#include "widgets/rooflineplot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "widgets/format.h"
#include "widgets/plotparts.h"

namespace widgets {
namespace {

bool isPositive(double value) {
  return std::isfinite(value) && value > 0;
}

// 1.5 TFLOP/s and the like.
QString flops(double value) {
  static constexpr std::array<const char*, 6> prefixes = {"", "k", "M", "G", "T", "P"};
  size_t prefix = 0;
  while (value >= 999.5 && prefix + 1 < prefixes.size()) {
    value /= 1000;
    ++prefix;
  }
  return number(value, 3) + u' ' + QLatin1String(prefixes[prefix]) + QStringLiteral("FLOP/s");
}

}  // namespace

RooflinePlot::RooflinePlot(QWidget* parent) : Plot(tr("Roofline"), parent) {
  new PaintLayer(canvas(), QStringLiteral("main"), [this](QCPPainter& painter) { drawRoof(painter); });
  setAxisTitles(tr("arithmetic intensity"), tr("FLOP/byte"), tr("attained"), tr("FLOP/s"));
  setEmptyText(tr("Run a generation to see how near it comes to the device."));
  setLogX(true);
  setLogY(true);
  setLogAllowed(true, true);
  scaleTypesChanged();
}

void RooflinePlot::setRoof(const Roof& roof) {
  m_roof = roof;
  refresh();
}

void RooflinePlot::setPoints(std::vector<RooflinePoint> points) {
  std::erase_if(points,
                [](const RooflinePoint& p) { return !isPositive(p.flopsPerByte) || !isPositive(p.flopsPerSecond); });
  m_points = std::move(points);
  std::vector<LegendEntry> entries;
  for (const RooflinePoint& point : m_points) entries.push_back({point.name, point.role, LegendEntry::Sample::Dots});
  setLegend(std::move(entries));
  refresh();
}

bool RooflinePlot::isEmpty() const {
  return !isPositive(m_roof.flopsPerSecond) || !isPositive(m_roof.bytesPerSecond);
}

double RooflinePlot::attainable(double flopsPerByte) const {
  return std::min(m_roof.flopsPerSecond, m_roof.bytesPerSecond * flopsPerByte);
}

void RooflinePlot::scaleTypesChanged() {
  useTicker(xAxis(), Ticks::Numbers, 6);
  useTicker(yAxis(), Ticks::Numbers, 5);
}

void RooflinePlot::fitRanges() {
  const double ridge = m_roof.flopsPerSecond / m_roof.bytesPerSecond;
  double left = ridge / 100;
  double right = ridge * 10;
  double low = attainable(left);
  for (const RooflinePoint& point : m_points) {
    left = std::min(left, point.flopsPerByte / 3);
    right = std::max(right, point.flopsPerByte * 3);
    low = std::min(low, point.flopsPerSecond / 3);
  }
  low = std::min(low, attainable(left));
  xAxis()->setRange(logX() ? QCPRange(left, right) : QCPRange(0, right));
  yAxis()->setRange(logY() ? QCPRange(low, m_roof.flopsPerSecond * 3) : QCPRange(0, m_roof.flopsPerSecond * 1.15));
}

void RooflinePlot::drawRoof(QPainter& painter) const {
  if (isEmpty()) return;
  const QRectF area(mainRect()->rect());
  painter.setClipRect(area);
  QPolygonF roof;
  const int steps = 128;  // a straight line on logarithmic axes need not be one on others
  for (int i = 0; i <= steps; ++i) {
    const double pixel = area.left() + area.width() * i / steps;
    const double intensity = xAxis()->pixelToCoord(pixel);
    roof << QPointF(pixel, yAxis()->coordToPixel(std::max(attainable(intensity), 1e-300)));
  }
  QPolygonF ground = roof;
  ground << area.bottomRight() << area.bottomLeft();
  QColor fill = theme().colour(Role::Certificate);
  fill.setAlphaF(0.07F);
  painter.setPen(Qt::NoPen);
  painter.setBrush(fill);
  painter.drawPolygon(ground);
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(theme().colour(Role::Certificate), 2 * theme().scale()));
  painter.drawPolyline(roof);

  const QFont font = theme().font(TextSize::Caption);
  painter.setFont(font);
  painter.setPen(theme().colour(Role::MutedText));
  const double top = yAxis()->coordToPixel(m_roof.flopsPerSecond);
  const QFontMetricsF metrics(font);
  const double room = area.width() - theme().space(2);
  const QString limits = tr("%1, %2/s").arg(flops(m_roof.flopsPerSecond), bytes(m_roof.bytesPerSecond));
  const QString full = tr("%1: %2").arg(m_roof.device, limits);
  painter.drawText(QRectF(area.left() + theme().space(1), top - metrics.height() - theme().space(1), room, metrics.height()),
                   Qt::AlignRight, metrics.horizontalAdvance(full) <= room ? full : limits);
  std::vector<QRectF> labels;
  const double markerWidth = theme().markerSize() * 1.6;
  for (const RooflinePoint& point : m_points) {
    const QPointF place = pixelAt(point.flopsPerByte, point.flopsPerSecond);
    const QColor colour = theme().colour(point.role);
    const double roofAt = yAxis()->coordToPixel(attainable(point.flopsPerByte));
    painter.setPen(QPen(colour, theme().scale(), Qt::DotLine));
    painter.drawLine(place, QPointF(place.x(), roofAt));
    paintMarker(painter, theme().marker(point.role), place, markerWidth, colour, theme().colour(Role::Surface));
    labels.push_back({place.x() - markerWidth / 2, place.y() - markerWidth / 2, markerWidth, markerWidth});
  }
  for (const RooflinePoint& point : m_points) {
    const QPointF place = pixelAt(point.flopsPerByte, point.flopsPerSecond);
    const QString share = shareOf(point);
    const double width = QFontMetricsF(font).horizontalAdvance(share);
    const bool right = place.x() + width + theme().space(3) < area.right();
    const double height = QFontMetricsF(font).height();
    QRectF label(right ? place.x() + theme().space(2) : place.x() - width - theme().space(2), place.y() - height / 2,
                 width, height);
    // Lanes of one model lie close together: their labels stand below one another and the markers, in their colours.
    while (std::any_of(labels.begin(), labels.end(), [&](const QRectF& taken) { return taken.intersects(label); }))
      label.translate(0, height);
    labels.push_back(label);
    painter.setPen(theme().colour(point.role));
    painter.drawText(label, Qt::AlignLeft | Qt::AlignVCenter, share);
  }
  painter.setClipping(false);
}

QString RooflinePlot::shareOf(const RooflinePoint& point) const {
  return tr("%1 % of the roof").arg(number(100 * point.flopsPerSecond / attainable(point.flopsPerByte), 2));
}

std::optional<Readout> RooflinePlot::readoutAt(QPointF pixel) const {
  double reach = 14 * theme().scale();
  const RooflinePoint* best = nullptr;
  for (const RooflinePoint& point : m_points) {
    const QPointF apart = pixelAt(point.flopsPerByte, point.flopsPerSecond) - pixel;
    if (std::hypot(apart.x(), apart.y()) > reach) continue;
    reach = std::hypot(apart.x(), apart.y());
    best = &point;
  }
  if (!best) return std::nullopt;
  Readout readout;
  readout.crosshair = false;
  readout.lines = {{best->name, shareOf(*best)},
                   {tr("intensity"), tr("%1 FLOP/byte").arg(number(best->flopsPerByte))},
                   {tr("attained"), flops(best->flopsPerSecond)},
                   {tr("roof"), flops(attainable(best->flopsPerByte))}};
  return readout;
}

QString RooflinePlot::summary() const {
  QStringList parts;
  for (const RooflinePoint& point : m_points) parts << point.name + u' ' + shareOf(point);
  return parts.isEmpty() ? m_roof.device : parts.join(QStringLiteral(", "));
}

DataTable RooflinePlot::table() const {
  std::vector<double> intensity, attained, roof;
  for (const RooflinePoint& point : m_points) {
    intensity.push_back(point.flopsPerByte);
    attained.push_back(point.flopsPerSecond);
    roof.push_back(attainable(point.flopsPerByte));
  }
  DataTable table;
  table.add(tr("intensity (FLOP/byte)"), std::move(intensity));
  table.add(tr("attained (FLOP/s)"), std::move(attained));
  table.add(tr("roof (FLOP/s)"), std::move(roof));
  return table;
}

}  // namespace widgets
