// The drawings of a HankelPlot.
#include <algorithm>
#include <cmath>

#include "widgets/curve.h"
#include "widgets/format.h"
#include "widgets/hankelplot.h"
#include "widgets/plotparts.h"

namespace widgets {

void HankelPlot::drawStems(QPainter& painter) const {
  const QRectF area(mainRect()->rect());
  painter.setClipRect(area.adjusted(-4, -4, 0, 4));
  const QColor colour = theme().colour(Role::Original);
  QColor stem = colour;
  stem.setAlphaF(0.22F);
  const double foot = logY() ? area.bottom() - 1 : yAxis()->coordToPixel(0);
  const QCPRange range = xAxis()->range();
  const auto first = static_cast<size_t>(std::clamp(std::floor(range.lower), 1.0, 1e9));
  const auto last = std::min(m_relative.size(), static_cast<size_t>(std::clamp(std::ceil(range.upper), 0.0, 1e9)));
  const double spacing = area.width() / std::max(1.0, range.size());
  const double size = std::clamp(spacing * 0.6, 2.0 * theme().scale(), theme().markerSize() * 1.15);
  for (size_t order = first; order <= last; ++order) {
    const double value = m_relative[order - 1];
    if (std::isnan(value)) continue;  // not known yet
    const QPointF dot = pixelAt(static_cast<double>(order), logY() ? std::max(value, floorOfValues()) : value);
    if (spacing > 3) {
      painter.setPen(QPen(stem, theme().scale()));
      painter.drawLine(dot, QPointF(dot.x(), foot));
    }
    paintMarker(painter, Marker::Disc, dot, size, colour, theme().colour(Role::Surface));
  }
  painter.setClipping(false);
}

// What no model can reach is ground, not figure: a quiet area under the certificate.
void HankelPlot::drawCertificate(QPainter& painter) const {
  if (isEmpty() || m_certificate->empty()) return;
  const QRectF area(mainRect()->rect());
  QPolygonF polygon;
  for (size_t order = 0; order < m_certificate->size(); ++order) {
    const double value = m_certificate->values()[order];
    if (!std::isfinite(value)) continue;
    polygon << pixelAt(static_cast<double>(order), logY() ? std::max(value, floorOfValues()) : value);
  }
  if (polygon.size() < 2) return;
  polygon << QPointF(polygon.last().x(), area.bottom()) << QPointF(polygon.first().x(), area.bottom());
  QColor fill = theme().colour(Role::Certificate);
  fill.setAlphaF(theme().isDark() ? 0.16F : 0.10F);
  painter.setClipRect(area);
  painter.setPen(Qt::NoPen);
  painter.setBrush(fill);
  painter.drawPolygon(polygon);
  painter.setClipping(false);
}

void HankelPlot::drawSuggestions(QPainter& painter) const {
  if (isEmpty()) return;
  const QRectF area(mainRect()->rect());
  const double r = 4.5 * theme().scale();
  painter.setPen(Qt::NoPen);
  painter.setBrush(theme().colour(Role::Accent));
  for (const SuggestedOrder& suggestion : m_suggestions) {
    const double x = xAxis()->coordToPixel(suggestion.order);
    if (x < area.left() || x > area.right()) continue;
    painter.drawPolygon(QPolygonF({{x, area.bottom() - 1.8 * r}, {x + r, area.bottom()}, {x - r, area.bottom()}}));
  }
}

void HankelPlot::drawOrderLine(QPainter& painter) const {
  if (isEmpty()) return;
  const QRectF area(mainRect()->rect());
  const double x = xAxis()->coordToPixel(m_order);
  // What lies beyond the line is given up.
  if (x < area.right()) {
    QColor veil = theme().colour(Role::Surface);
    veil.setAlphaF(0.55F);
    painter.fillRect(QRectF(QPointF(std::max(x, area.left()), area.top()), area.bottomRight() + QPointF(6, -1)), veil);
  }
  if (x < area.left() - 1 || x > area.right() + 1) return;
  const QColor accent = theme().colour(Role::Accent);
  painter.setPen(QPen(accent, 2 * theme().scale()));
  painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()));
  if (const auto error = valueAt(*m_errors, m_order)) {
    const QPointF point = pixelAt(m_order, logY() ? std::max(*error, floorOfValues()) : *error);
    if (area.contains(point)) {
      paintMarker(painter, theme().marker(Role::Distilled), point, theme().markerSize() * 1.8,
                  theme().colour(Role::Distilled), theme().colour(Role::Surface));
    }
    drawChoice(painter, point, *error);
  }
  const QString text = tr("order %1").arg(m_order);
  const QFont font = theme().font(TextSize::Caption, QFont::DemiBold);
  const double height = QFontMetricsF(font).height() * 1.3;
  paintPill(painter, text, QPointF(x, area.top() + height / 2), area, font,
            theme().isDark() ? theme().colour(Role::Surface) : QColor(Qt::white), accent);
}

// The error at the chosen order, and below it what no recurrence of the order could do better.
void HankelPlot::drawChoice(QPainter& painter, QPointF point, double error) const {
  const QRectF area(mainRect()->rect());
  const QFont font = theme().font(TextSize::Caption, QFont::DemiBold);
  const QFontMetricsF metrics(font);
  const double gap = theme().space(2);
  const auto write = [&](const QString& text, double top, Role role) {
    const double width = metrics.horizontalAdvance(text) + gap;
    const bool right = point.x() + gap + width < area.right();
    const QRectF box(right ? point.x() + gap : point.x() - gap - width, top, width, metrics.height());
    if (!area.contains(box)) return;
    QColor ground = theme().colour(Role::Surface);
    ground.setAlphaF(0.8F);
    painter.fillRect(box, ground);
    painter.setPen(theme().colour(role));
    painter.drawText(box, Qt::AlignCenter, text);
  };
  painter.setFont(font);
  const QString found = tr("error %1 %").arg(number(100 * error, 3));
  write(m_orderRemark.isEmpty() || m_remarkedOrder != m_order ? found : tr("%1, %2").arg(found, m_orderRemark), point.y() - metrics.height() - gap, Role::Distilled);
  const auto bound = valueAt(*m_certificate, m_order);
  if (!bound || !(*bound > 0)) return;
  const double y = pixelAt(m_order, logY() ? std::max(*bound, floorOfValues()) : *bound).y();
  write(tr("nobody below %1 %").arg(number(100 * *bound, 3)), std::max(y, point.y()) + gap, Role::Text);
}

}  // namespace widgets
