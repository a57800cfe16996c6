#include "widgets/dashes.h"

#include <algorithm>
#include <cmath>

namespace widgets {

QVector<QLineF> dashes(const QVector<QPointF>& points, const QVector<qreal>& patternPixels) {
  qreal period = 0;
  for (const qreal length : patternPixels) period += length;
  QVector<QLineF> strokes;
  strokes.reserve(points.size());
  const auto drawable = [](QPointF p) { return std::isfinite(p.x()) && std::isfinite(p.y()); };
  qsizetype part = 0;                                           // of the pattern; even parts are drawn
  qreal left = patternPixels.isEmpty() ? 0 : patternPixels[0];  // of that part
  for (qsizetype i = 1; i < points.size(); ++i) {
    const QPointF from = points[i - 1];
    const QPointF to = points[i];
    if (!drawable(from) || !drawable(to)) {
      part = 0;
      left = patternPixels.isEmpty() ? 0 : patternPixels[0];
      continue;
    }
    const qreal length = std::hypot(to.x() - from.x(), to.y() - from.y());
    if (!(period > 0)) {
      strokes.append(QLineF(from, to));
      continue;
    }
    qreal at = 0;
    while (at < length) {
      const qreal next = std::min(length, at + left);
      if (part % 2 == 0) {
        const QPointF step = (to - from) / length;
        strokes.append(QLineF(from + at * step, from + next * step));
      }
      left -= next - at;
      at = next;
      if (left > 1e-9) continue;
      part = (part + 1) % patternPixels.size();
      left = std::max(patternPixels[part], 1e-3);  // a part of no length must not hold us for ever
    }
  }
  return strokes;
}

}  // namespace widgets
