#include "widgets/effectplot.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "widgets/format.h"
#include "widgets/plotparts.h"

namespace widgets {
namespace {

constexpr double floorBits = 1e-5;  // less is noise of any text one can wait for

}  // namespace

EffectPlot::EffectPlot(QWidget* parent) : Plot(tr("Effect on the model"), parent) {
  m_kl = canvas()->addGraph(xAxis(), yAxis());
  m_added = canvas()->addGraph(xAxis(), yAxis());
  for (QCPGraph* graph : {m_kl, m_added}) graph->setSelectable(QCP::stNone);
  new PaintLayer(canvas(), QStringLiteral("overlay"), [this](QCPPainter& painter) { drawLines(painter); });
  setAxisTitles(tr("states kept"), tr("real, all filters"), tr("loss added"), tr("bits/token"));
  setEmptyText(tr("Press Evaluate to see what distillation costs the model."));
  setLogX(true);
  setLogY(true);
  scaleTypesChanged();
  themeChanged();
}

void EffectPlot::setPoints(std::vector<EffectPoint> points) {
  std::erase_if(points,
                [](const EffectPoint& p) { return !std::isfinite(p.states) || !std::isfinite(p.bitsPerTokenAdded); });
  std::stable_sort(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.states < b.states; });
  m_points = std::move(points);
  updateGraphs();
  const bool kl =
      std::any_of(m_points.begin(), m_points.end(), [](const auto& p) { return std::isfinite(p.klBitsPerToken); });
  std::vector<LegendEntry> entries{{tr("bits added"), Role::Distilled, LegendEntry::Sample::Line}};
  if (kl) entries.push_back({tr("KL to the original"), Role::Residual, LegendEntry::Sample::Line});
  setLegend(m_points.empty() ? std::vector<LegendEntry>{} : std::move(entries));
  refresh();
}

void EffectPlot::setTolerance(std::optional<double> bitsPerToken) {
  m_tolerance = bitsPerToken;
  refresh();
}

void EffectPlot::setCurrentStates(std::optional<double> states) {
  m_current = states;
  refresh();
}

std::optional<int> EffectPlot::smallestWithin() const {
  if (!m_tolerance) return std::nullopt;
  std::optional<int> best;
  for (int i = static_cast<int>(m_points.size()) - 1; i >= 0; --i) {
    if (m_points[static_cast<size_t>(i)].bitsPerTokenAdded > *m_tolerance) break;
    best = i;
  }
  return best;
}

double EffectPlot::floored(double bits) const {
  return logY() ? std::max(bits, floorBits) : bits;
}

void EffectPlot::updateGraphs() {
  QVector<double> states, added, kl;
  bool isFloored = false;
  for (const EffectPoint& point : m_points) {
    states.append(logX() ? std::max(0.5, point.states) : point.states);
    added.append(floored(point.bitsPerTokenAdded));
    kl.append(std::isfinite(point.klBitsPerToken) ? floored(point.klBitsPerToken) : std::nan(""));
    isFloored = isFloored || point.bitsPerTokenAdded <= floorBits;
  }
  m_added->setData(states, added, true);
  m_kl->setData(states, kl, true);
  setMarkedFloor(logY() && isFloored ? std::optional(floorBits) : std::nullopt);
}

void EffectPlot::scaleTypesChanged() {
  if (!m_added) return;
  useTicker(xAxis(), Ticks::Integers, 6);
  useTicker(yAxis(), Ticks::Numbers, 5);
  updateGraphs();
}

void EffectPlot::themeChanged() {
  if (!m_added) return;
  m_added->setPen(theme().pen(Role::Distilled));
  m_kl->setPen(theme().pen(Role::Residual));
  const auto dots = [this](Role role, QCPScatterStyle::ScatterShape shape) {
    const QColor colour = theme().colour(role);
    return QCPScatterStyle(shape, QPen(colour), colour, theme().markerSize());
  };
  m_added->setScatterStyle(dots(Role::Distilled, QCPScatterStyle::ssSquare));
  m_kl->setScatterStyle(dots(Role::Residual, QCPScatterStyle::ssDisc));
}

void EffectPlot::fitRanges() {
  double low = m_tolerance.value_or(INFINITY);
  double high = m_tolerance.value_or(0);
  for (const EffectPoint& point : m_points) {
    for (const double bits : {point.bitsPerTokenAdded, point.klBitsPerToken}) {
      if (!std::isfinite(bits)) continue;
      low = std::min(low, bits);
      high = std::max(high, bits);
    }
  }
  const double first = m_points.front().states;
  const double last = std::max(m_points.back().states, first + 1);
  if (logX()) {
    xAxis()->setRange(std::max(0.5, first) * 0.8, std::max(1.0, last) * 1.25);
  } else {
    xAxis()->setRange(first - 0.04 * (last - first), last + 0.04 * (last - first));
  }
  if (logY()) {
    low = std::max(low, floorBits);
    yAxis()->setRange(0.5 * low, std::max(2 * high, 10 * low));
  } else {
    const double air = 0.06 * std::max(high - low, 1e-9);
    yAxis()->setRange(std::min(0.0, low) - air, high + air);
  }
}

void EffectPlot::drawLines(QPainter& painter) const {
  if (isEmpty()) return;
  const QRectF area(mainRect()->rect());
  if (m_current) {
    const double x = xAxis()->coordToPixel(logX() ? std::max(0.5, *m_current) : *m_current);
    if (x >= area.left() && x <= area.right()) {
      painter.setPen(QPen(theme().colour(Role::Accent), 1.5 * theme().scale()));
      painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()));
    }
  }
  if (!m_tolerance) return;
  std::optional<QPointF> within;
  if (const auto best = smallestWithin()) {
    const EffectPoint& point = m_points[static_cast<size_t>(*best)];
    within = pixelAt(logX() ? std::max(0.5, point.states) : point.states, floored(point.bitsPerTokenAdded));
  }
  const double y = yAxis()->coordToPixel(floored(*m_tolerance));
  if (y >= area.top() && y <= area.bottom()) {
    painter.setPen(QPen(theme().colour(Role::MutedText), theme().scale(), Qt::DashLine));
    painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y));
    // At the end that is further from where the curve crosses.
    const bool left = within && within->x() > area.center().x();
    drawLineLabel(painter, theme(), area, y, tr("tolerance %1 bits/token").arg(number(*m_tolerance, 2)),
                  left ? Qt::LeftEdge : Qt::RightEdge);
  }
  if (within) {
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(theme().colour(Role::Accent), 2 * theme().scale()));
    painter.drawEllipse(*within, theme().markerSize() * 1.3, theme().markerSize() * 1.3);
  }
}

std::optional<int> EffectPlot::nearest(QPointF pixel, double reach) const {
  std::optional<int> best;
  for (size_t i = 0; i < m_points.size(); ++i) {
    const double x = logX() ? std::max(0.5, m_points[i].states) : m_points[i].states;
    const QPointF apart = pixelAt(x, floored(m_points[i].bitsPerTokenAdded)) - pixel;
    const double distance = std::hypot(apart.x(), apart.y());
    if (distance > reach) continue;
    reach = distance;
    best = static_cast<int>(i);
  }
  return best;
}

bool EffectPlot::beginDrag(QPointF pixel) {
  const auto index = nearest(pixel, 9 * theme().scale());
  if (index) Q_EMIT pointChosen(*index);
  return index.has_value();
}

Qt::CursorShape EffectPlot::pointerAt(QPointF pixel) const {
  return nearest(pixel, 9 * theme().scale()) ? Qt::PointingHandCursor : Qt::ArrowCursor;
}

std::optional<Readout> EffectPlot::readoutAt(QPointF pixel) const {
  const auto index = nearest(pixel, 60 * theme().scale());
  if (!index) return std::nullopt;
  const EffectPoint& point = m_points[static_cast<size_t>(*index)];
  const double x = logX() ? std::max(0.5, point.states) : point.states;
  Readout readout;
  readout.item = *index;
  readout.marks.push_back({pixelAt(x, floored(point.bitsPerTokenAdded)), Role::Distilled});
  readout.lines.push_back({tr("states"), count(qRound64(point.states))});
  readout.lines.push_back({tr("bits added"), number(point.bitsPerTokenAdded)});
  if (std::isfinite(point.klBitsPerToken)) {
    readout.marks.push_back({pixelAt(x, floored(point.klBitsPerToken)), Role::Residual});
    readout.lines.push_back({tr("KL"), number(point.klBitsPerToken)});
  }
  return readout;
}

std::optional<QPointF> EffectPlot::steppedFrom(std::optional<QPointF> pixel, int steps) const {
  if (isEmpty()) return std::nullopt;
  const int last = static_cast<int>(m_points.size()) - 1;
  const int at = pixel ? std::clamp(nearest(*pixel, 1e9).value_or(0) + steps, 0, last) : 0;
  const EffectPoint& point = m_points[static_cast<size_t>(at)];
  return pixelAt(logX() ? std::max(0.5, point.states) : point.states, floored(point.bitsPerTokenAdded));
}

QString EffectPlot::summary() const {
  if (const auto best = smallestWithin()) {
    const EffectPoint& point = m_points[static_cast<size_t>(*best)];
    return tr("smallest plan within %1 bits per token: %2 states, %3 bits added")
        .arg(number(*m_tolerance), count(qRound64(point.states)), number(point.bitsPerTokenAdded));
  }
  return tr("%1 plans measured").arg(m_points.size());
}

DataTable EffectPlot::table() const {
  std::vector<double> states, added, kl;
  for (const EffectPoint& point : m_points) {
    states.push_back(point.states);
    added.push_back(point.bitsPerTokenAdded);
    kl.push_back(point.klBitsPerToken);
  }
  DataTable table;
  table.add(tr("states"), std::move(states));
  table.add(tr("loss added (bits/token)"), std::move(added));
  table.add(tr("KL to the original (bits/token)"), std::move(kl));
  return table;
}

}  // namespace widgets
