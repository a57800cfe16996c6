#include "widgets/plotparts.h"

#include <algorithm>
#include <cmath>

#include "widgets/format.h"

namespace widgets {

PaintLayer::PaintLayer(QCustomPlot* plot, const QString& layer, Paint paint)
    : QCPLayerable(plot, layer), m_paint(std::move(paint)) {}

void PaintLayer::applyDefaultAntialiasingHint(QCPPainter* painter) const {
  painter->setAntialiasing(true);
}

void PaintLayer::draw(QCPPainter* painter) {
  m_paint(*painter);
}

void drawLineLabel(QPainter& painter, const Theme& theme, const QRectF& area, double y, const QString& text,
                   Qt::Edge end) {
  const QFont font = theme.font(TextSize::Caption);
  const QFontMetricsF metrics(font);
  QRectF box(0, y - metrics.height() - 1, metrics.horizontalAdvance(text) + theme.space(1), metrics.height());
  if (end == Qt::LeftEdge) {
    box.moveLeft(area.left() + theme.space(1));
  } else {
    box.moveRight(area.right() - theme.space(1));
  }
  QColor ground = theme.colour(Role::Surface);
  ground.setAlphaF(0.85F);
  painter.fillRect(box, ground);
  painter.setFont(font);
  painter.drawText(box, Qt::AlignCenter, text);
}

PlotHeader::PlotHeader(QCustomPlot* plot) : QCPLayoutElement(plot) {
  setLayer(QStringLiteral("legend"));
  setMargins({});
}

PlotHeader::Placed PlotHeader::place(double width) const {
  const QFontMetricsF titleMetrics(m_theme.font(TextSize::Title, QFont::DemiBold));
  const QFontMetricsF metrics(m_theme.font(TextSize::Caption));
  const double pad = m_theme.space(3);
  const double line = std::ceil(titleMetrics.height()) + m_theme.space(1);
  const double sample = m_theme.space(6);

  Placed placed;
  const double titleWidth = m_title.isEmpty() ? 0 : titleMetrics.horizontalAdvance(m_title) + pad;
  placed.title = QRectF(0, 0, std::min(titleWidth, width), line);
  double legendWidth = 0;
  std::vector<double> widths;
  for (const LegendEntry& entry : m_entries) {
    widths.push_back(sample + m_theme.space(1) + std::ceil(metrics.horizontalAdvance(entry.label)));
    legendWidth += widths.back() + pad;
  }
  legendWidth = std::max(0.0, legendWidth - pad);

  const bool sameLine = titleWidth + legendWidth <= width;
  // A low plot needs its height for the curves more than for a line that names them.
  if (!sameLine && mParentPlot && mParentPlot->viewport().height() < 13 * metrics.height()) {
    placed.height = m_title.isEmpty() ? 0 : line;
    return placed;
  }
  double x = sameLine ? width - legendWidth : 0;
  double y = sameLine || m_title.isEmpty() ? 0 : line;
  for (const double entryWidth : widths) {
    if (x > 0 && x + entryWidth > width + 0.5) {
      x = 0;
      y += line;
    }
    placed.entries.emplace_back(x, y, entryWidth, line);
    x += entryWidth + pad;
  }
  placed.height = m_title.isEmpty() && m_entries.empty() ? 0 : y + line + m_theme.space(1);
  return placed;
}

QSize PlotHeader::minimumOuterSizeHint() const {
  const double width = mParentPlot ? mParentPlot->viewport().width() - 2 * m_theme.space(3) : 400;
  return {0, static_cast<int>(std::ceil(place(std::max(40.0, width)).height))};
}

void PlotHeader::applyDefaultAntialiasingHint(QCPPainter* painter) const {
  painter->setAntialiasing(true);
}

void PlotHeader::draw(QCPPainter* painter) {
  const Placed placed = place(mRect.width());
  const QPointF origin = mRect.topLeft();
  const QFont titleFont = m_theme.font(TextSize::Title, QFont::DemiBold);
  painter->setFont(titleFont);
  painter->setPen(m_theme.colour(Role::Text));
  painter->drawText(placed.title.translated(origin), Qt::AlignLeft | Qt::AlignVCenter,
                    QFontMetricsF(titleFont).elidedText(m_title, Qt::ElideRight, mRect.width()));

  painter->setFont(m_theme.font(TextSize::Caption));
  const double sample = m_theme.space(6);
  for (size_t i = 0; i < placed.entries.size(); ++i) {
    const LegendEntry& entry = m_entries[i];
    const QRectF box = placed.entries[i].translated(origin);
    const QColor colour = m_theme.colour(entry.role);
    const QPointF middle(box.left() + sample / 2, box.center().y());
    if (entry.sample == LegendEntry::Sample::Dots) {
      paintMarker(*painter, entry.marker == Marker::None ? m_theme.marker(entry.role) : entry.marker, middle,
                  m_theme.markerSize() * 1.1, colour, m_theme.colour(Role::Surface));
    } else {
      if (entry.sample == LegendEntry::Sample::Area) {
        QColor fill = colour;
        fill.setAlphaF(0.22F);
        painter->fillRect(QRectF(box.left(), middle.y(), sample, box.height() / 4), fill);
      }
      painter->setPen(m_theme.pen(entry.role));
      painter->drawLine(QPointF(box.left(), middle.y()), QPointF(box.left() + sample, middle.y()));
    }
    painter->setPen(m_theme.colour(Role::MutedText));
    painter->drawText(box.adjusted(sample + m_theme.space(1), 0, m_theme.space(2), 0), Qt::AlignLeft | Qt::AlignVCenter,
                      entry.label);
  }
}

PlotFooter::PlotFooter(QCustomPlot* plot) : QCPLayoutElement(plot) {
  setLayer(QStringLiteral("legend"));
  setMargins({});
}

QSize PlotFooter::minimumOuterSizeHint() const {
  if (!visible()) return {0, 0};
  return {0, static_cast<int>(std::ceil(QFontMetricsF(m_theme.font(TextSize::Caption)).height())) + m_theme.space(2)};
}

void PlotFooter::applyDefaultAntialiasingHint(QCPPainter* painter) const {
  painter->setAntialiasing(true);
}

void PlotFooter::draw(QCPPainter* painter) {
  if (!visible()) return;
  const QFont font = m_theme.font(TextSize::Caption);
  painter->setFont(font);
  painter->setPen(m_theme.colour(Role::MutedText));
  painter->drawText(QRectF(mRect), Qt::AlignRight | Qt::AlignBottom,
                    QFontMetricsF(font).elidedText(m_text, Qt::ElideMiddle, mRect.width()));
}

void paintMarker(QPainter& painter, Marker marker, QPointF centre, double size, const QColor& colour,
                 const QColor& ground) {
  const double r = size / 2;
  const QRectF box(centre.x() - r, centre.y() - r, size, size);
  const double stroke = std::max(1.2, size * 0.2);
  painter.setPen(QPen(colour, stroke, Qt::SolidLine, Qt::RoundCap));
  painter.setBrush(Qt::NoBrush);
  switch (marker) {
    case Marker::None:
      return;
    case Marker::Circle:
      painter.setBrush(ground);
      painter.drawEllipse(box.adjusted(stroke / 2, stroke / 2, -stroke / 2, -stroke / 2));
      return;
    case Marker::Cross:
      painter.drawLine(box.topLeft(), box.bottomRight());
      painter.drawLine(box.topRight(), box.bottomLeft());
      return;
    default:
      break;
  }
  painter.setPen(Qt::NoPen);
  painter.setBrush(colour);
  const QPointF& c = centre;
  if (marker == Marker::Disc) painter.drawEllipse(box);
  if (marker == Marker::Square) painter.drawRect(box.adjusted(r * 0.12, r * 0.12, -r * 0.12, -r * 0.12));
  if (marker == Marker::Diamond) {
    painter.drawPolygon(QPolygonF(
        {c + QPointF(0, -r * 1.2), c + QPointF(r * 1.2, 0), c + QPointF(0, r * 1.2), c + QPointF(-r * 1.2, 0)}));
  }
  if (marker == Marker::Triangle) {
    painter.drawPolygon(
        QPolygonF({c + QPointF(0, -r * 1.15), c + QPointF(r * 1.1, r * 0.85), c + QPointF(-r * 1.1, r * 0.85)}));
  }
}

QRectF paintPill(QPainter& painter, const QString& text, QPointF centre, const QRectF& bounds, const QFont& font,
                 const QColor& ink, const QColor& fill) {
  const QFontMetricsF metrics(font);
  QRectF pill(0, 0, metrics.horizontalAdvance(text) + metrics.height() * 0.9, metrics.height() * 1.3);
  pill.moveCenter(centre);
  if (pill.right() > bounds.right()) pill.moveRight(bounds.right());
  if (pill.left() < bounds.left()) pill.moveLeft(bounds.left());
  if (pill.bottom() > bounds.bottom()) pill.moveBottom(bounds.bottom());
  if (pill.top() < bounds.top()) pill.moveTop(bounds.top());
  painter.setPen(Qt::NoPen);
  painter.setBrush(fill);
  painter.drawRoundedRect(pill, pill.height() / 2, pill.height() / 2);
  painter.setFont(font);
  painter.setPen(ink);
  painter.drawText(pill, Qt::AlignCenter, text);
  return pill;
}

void styleAxis(QCPAxis* axis, const Theme& theme) {
  const QPen line = theme.pen(Role::Axis);
  axis->setBasePen(line);
  axis->setTickPen(line);
  axis->setSubTickPen(line);
  axis->setTickLength(0, theme.space(1));
  axis->setSubTickLength(0, qRound(2 * theme.scale()));
  axis->setTickLabelFont(theme.font(TextSize::Caption));
  axis->setTickLabelColor(theme.colour(Role::MutedText));
  axis->setLabelFont(theme.font(TextSize::Caption, QFont::Medium));
  axis->setLabelColor(theme.colour(Role::Text));
  axis->setTickLabelPadding(theme.space(1));
  axis->setLabelPadding(theme.space(1));
  axis->grid()->setPen(theme.pen(Role::Grid));
  axis->grid()->setZeroLinePen(theme.pen(Role::Border));
}

}  // namespace widgets
