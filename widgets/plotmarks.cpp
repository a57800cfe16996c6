// The marks A and B of a Plot: two places to be compared.
#include <algorithm>
#include <cmath>
#include <utility>

#include "widgets/format.h"
#include "widgets/plotstate.h"

namespace widgets {

const std::vector<QPointF>& Plot::marks() const {
  return m_parts->marks;
}

void Plot::setMarks(std::vector<QPointF> marks) {
  std::erase_if(marks, [](QPointF mark) { return !std::isfinite(mark.x()) || !std::isfinite(mark.y()); });
  marks.resize(std::min<size_t>(marks.size(), 2));
  if (marks == m_parts->marks) return;
  m_parts->marks = std::move(marks);
  m_parts->canvas->layer(QStringLiteral("cursor"))->replot();
}

// The first is A, the second B, the third begins anew.
void Plot::markAtCursor() {
  if (!m_parts->readout || m_parts->readout->marks.empty()) return;
  std::vector<QPointF> marks = m_parts->marks;
  if (marks.size() == 2) marks.clear();
  marks.push_back(coordinatesAt(m_parts->readout->marks.front().pixel));
  setMarks(std::move(marks));
}

QString Plot::markText() const {
  const std::vector<QPointF>& marks = m_parts->marks;
  if (marks.empty()) return {};
  const auto place = [](QPointF mark) {
    return u'(' + number(mark.x()) + QStringLiteral(", ") + number(mark.y()) + u')';
  };
  QString text = QStringLiteral("A ") + place(marks[0]);
  if (marks.size() < 2) return text;
  const QPointF apart = marks[1] - marks[0];
  text += QStringLiteral("  B ") + place(marks[1]) + QStringLiteral("  Δx ") + number(apart.x()) +
          QStringLiteral("  Δy ") + number(apart.y());
  if (marks[0].y() != 0) text += QStringLiteral("  B/A ") + ratio(marks[1].y() / marks[0].y());
  return text;
}

void Plot::drawMarks(QPainter& painter) const {
  const Parts& p = *m_parts;
  if (p.marks.empty()) return;
  const QRectF area(p.main->rect());
  const QColor accent = p.theme.colour(Role::Accent);
  const QColor ground = p.theme.colour(Role::Surface);
  const QFont font = p.theme.font(TextSize::Caption, QFont::DemiBold);
  for (size_t i = 0; i < p.marks.size(); ++i) {
    const QPointF place = pixelAt(p.marks[i].x(), p.marks[i].y());
    if (place.x() < area.left() || place.x() > area.right()) continue;
    painter.setPen(QPen(accent, p.theme.scale(), Qt::DashLine));
    painter.drawLine(QPointF(place.x(), area.top()), QPointF(place.x(), area.bottom()));
    if (area.contains(place)) paintMarker(painter, Marker::Circle, place, p.theme.markerSize() * 1.6, accent, ground);
    paintPill(painter, i == 0 ? QStringLiteral("A") : QStringLiteral("B"),
              QPointF(place.x(), area.bottom() - p.theme.space(3)), area, font, ground, accent);
  }
  const QFont small = p.theme.figures(TextSize::Caption);
  const QString text = QFontMetricsF(small).elidedText(markText(), Qt::ElideRight, area.width() - p.theme.space(6));
  const double height = QFontMetricsF(small).height();
  paintPill(painter, text, QPointF(area.right(), area.top() + height), area, small, p.theme.colour(Role::Text),
            p.theme.colour(Role::Selection));
}

}  // namespace widgets
