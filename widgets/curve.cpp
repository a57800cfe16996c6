#include "widgets/curve.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "widgets/dashes.h"

namespace widgets {
namespace {

constexpr size_t fewEnough = 4096;  // samples drawn one by one

std::vector<double> magnitudes(std::span<const double> values) {
  std::vector<double> result(values.size());
  std::transform(values.begin(), values.end(), result.begin(), [](double v) { return std::abs(v); });
  return result;
}

QCPScatterStyle dots(const Theme& theme, Role role) {
  QCPScatterStyle::ScatterShape shape = QCPScatterStyle::ssDisc;
  if (theme.marker(role) == Marker::Square) shape = QCPScatterStyle::ssSquare;
  if (theme.marker(role) == Marker::Triangle) shape = QCPScatterStyle::ssTriangle;
  if (theme.marker(role) == Marker::Diamond) shape = QCPScatterStyle::ssDiamond;
  if (theme.marker(role) == Marker::Circle) shape = QCPScatterStyle::ssCircle;
  const QColor colour = theme.colour(role);
  const QColor fill = shape == QCPScatterStyle::ssCircle ? theme.colour(Role::Surface) : colour;
  return QCPScatterStyle(shape, QPen(colour, theme.scale()), fill, theme.markerSize() * 0.8);
}

class DashedGraph : public QCPGraph {
 public:
  using QCPGraph::QCPGraph;

 protected:
  void drawLinePlot(QCPPainter* painter, const QVector<QPointF>& lines) const override {
    const QPen pen = painter->pen();
    // Files keep the path whole, so that an editor finds one line and not a thousand.
    if (pen.style() != Qt::CustomDashLine || painter->modes().testFlag(QCPPainter::pmVectorized))
      return QCPGraph::drawLinePlot(painter, lines);
    applyDefaultAntialiasingHint(painter);
    const qreal width = std::max(pen.widthF(), 1.0);  // patterns count in pen widths
    QVector<qreal> pattern = pen.dashPattern();
    for (qreal& length : pattern) length *= width;
    QPen solid = pen;
    solid.setStyle(Qt::SolidLine);
    solid.setCapStyle(Qt::FlatCap);
    painter->setPen(solid);
    painter->setBrush(Qt::NoBrush);
    painter->drawLines(dashes(lines, pattern));
    painter->setPen(pen);
  }
};

}  // namespace

Curve::Curve(QCPAxis* x, QCPAxis* y, Role role) : m_graph(new DashedGraph(x, y)), m_role(role) {
  m_graph->setAdaptiveSampling(false);
  m_graph->removeFromLegend();
  m_graph->setSelectable(QCP::stNone);
}

// The plot may be gone already, and its graphs with it.
Curve::~Curve() {
  if (m_graph && m_graph->parentPlot()) m_graph->parentPlot()->removeGraph(m_graph);
}

void Curve::setSamples(std::vector<double> values, double first, double step) {
  m_values = Envelope(std::move(values));
  m_first = first;
  m_step = step;
  m_magnitudes = m_floor > 0 ? Envelope(magnitudes(m_values.samples())) : Envelope();
}

void Curve::setMagnitudeFloor(double floor) {
  if (floor > 0 && m_magnitudes.size() != m_values.size()) m_magnitudes = Envelope(magnitudes(m_values.samples()));
  if (!(floor > 0)) m_magnitudes = Envelope();
  m_floor = std::max(0.0, floor);
}

size_t Curve::nearest(double position) const {
  const double index = std::round((position - m_first) / m_step);
  if (!(index > 0)) return 0;  // also NaN, from axes without extent
  return static_cast<size_t>(std::min(index, static_cast<double>(m_values.size() - 1)));
}

double Curve::drawn(size_t index) const {
  const double value = m_values.samples()[index];
  return m_floor > 0 ? std::max(std::abs(value), m_floor) : value;
}

double Curve::largestMagnitude() const {
  const Extent all = extent();
  return all.low > all.high ? 0 : std::max(std::abs(all.low), std::abs(all.high));
}

void Curve::addPoint(QVector<QCPGraphData>& points, size_t index) const {
  points.append(QCPGraphData(std::max(position(index), m_leftFloor), drawn(index)));
}

// How far the pen travels, at the present ranges; each stroke at most the height of the plot.
double Curve::pathPixels(const QVector<QCPGraphData>& points) const {
  QCPAxis* axis = m_graph->valueAxis();
  const double height = axis->axisRect()->height();
  double length = 0;
  double before = std::nan("");
  for (const QCPGraphData& point : points) {
    const double y = axis->coordToPixel(point.value);
    if (std::isfinite(y) && std::isfinite(before)) length += std::min(height, std::abs(y - before));
    before = y;
  }
  return length;
}

void Curve::resample() {
  QVector<QCPGraphData> points;
  QPen pen = m_theme.pen(m_role);
  QCPAxis* axis = m_graph->keyAxis();
  const int columns = axis->axisRect()->width();
  if (!m_values.empty() && columns > 0 && m_graph->realVisibility()) {
    const QCPRange range = axis->range();
    // One sample more on either side, so that the line runs to the edge.
    const auto clampIndex = [&](double index) {
      return static_cast<size_t>(std::clamp(index, 0.0, static_cast<double>(m_values.size())));
    };
    const size_t begin = clampIndex(std::floor((range.lower - m_first) / m_step) - 1);
    const size_t end = clampIndex(std::ceil((range.upper - m_first) / m_step) + 2);
    if (end - begin <= fewEnough) {
      points.reserve(static_cast<qsizetype>(end - begin));
      for (size_t i = begin; i < end; ++i) addPoint(points, i);
    } else {
      const Envelope& envelope = m_floor > 0 ? m_magnitudes : m_values;
      points.reserve(2 * columns + 4);
      size_t from = begin;
      const int left = axis->axisRect()->left();
      for (int column = -1; column <= columns && from < end; ++column) {
        const double edge = axis->pixelToCoord(left + column + 1);
        const size_t to =
            column == columns ? end : std::clamp(clampIndex(std::ceil((edge - m_first) / m_step)), from, end);
        if (to == from) continue;
        const Extent stretch = envelope.extent(from, to);
        if (stretch.low <= stretch.high) {
          const double x = std::max(m_leftFloor, position(from) + 0.5 * m_step * static_cast<double>(to - from - 1));
          const double low = m_floor > 0 ? std::max(stretch.low, m_floor) : stretch.low;
          const double high = m_floor > 0 ? std::max(stretch.high, m_floor) : stretch.high;
          points.append(QCPGraphData(x, low));
          if (to - from > 1) points.append(QCPGraphData(x, high));
        }
        from = to;
      }
    }
    // Dashes mean nothing on a line that fills an area, and broad strokes there cost the most.
    const double crowding = pathPixels(points) / columns;
    if (crowding > 6) pen.setStyle(Qt::SolidLine);
    if (crowding > 15) pen.setWidthF(std::min(pen.widthF(), m_theme.scale()));
    const bool apart =
        m_dotSpacing > 0 && columns * m_step > m_dotSpacing * m_theme.scale() * range.size() && axis->scaleType() == QCPAxis::stLinear;
    m_graph->setScatterStyle(apart ? dots(m_theme, m_role) : QCPScatterStyle(QCPScatterStyle::ssNone));
  }
  m_graph->setPen(pen);
  m_graph->data()->set(points, true);
}

void Curve::setTheme(const Theme& theme) {
  m_theme = theme;
}

void Curve::setVisible(bool visible) {
  m_graph->setVisible(visible);
}

}  // namespace widgets
