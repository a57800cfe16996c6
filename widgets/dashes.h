// Dashed lines as plain strokes: Qt strokes a dashed path as one outline and fills it, which took half of a frame.
#pragma once

#include <QLineF>
#include <QPointF>
#include <QVector>

namespace widgets {

// Cuts a polyline (pixels; points that are not finite are gaps) into the strokes of a dash pattern given in pixels,
// dash and gap in turn, starting anew after each gap of the data. An empty pattern gives every segment whole. O(points
// + dashes).
QVector<QLineF> dashes(const QVector<QPointF>& points, const QVector<qreal>& patternPixels);

}  // namespace widgets
