// A drawing into a file: one way for single plots and pages. Private to this room.
#pragma once

#include <qcustomplot.h>

#include <functional>

#include "widgets/plot.h"

namespace widgets {

struct Drawing {
  QString title;
  QString description;
  QColor ground;
  std::function<void(QCPPainter&, QSize)> paint;  // in logical pixels of the given size
};

QImage figureImage(const Drawing& drawing, const ExportOptions& options);
QString writeFigure(const Drawing& drawing, const QString& path, const ExportOptions& options);

}  // namespace widgets
