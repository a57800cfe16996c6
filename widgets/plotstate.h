// What a Plot keeps. Private to the files that make it: plot (data to picture), plotview (mouse and keys),
// plotmarks (A and B), plotexport (picture to file).
#pragma once

#include <qcustomplot.h>

#include <optional>
#include <vector>

#include "widgets/plot.h"
#include "widgets/plotparts.h"

namespace widgets {

enum class Gesture { None, Pan, Box, Grabbed };

struct Plot::Parts {
  QCustomPlot* canvas = nullptr;
  PlotHeader* header = nullptr;
  PlotFooter* footer = nullptr;
  QCPAxisRect* main = nullptr;
  QCPAxisRect* below = nullptr;
  double shareBelow = 0;
  QCPMarginGroup* margins = nullptr;
  Theme theme = Theme::light();

  QString name;
  QString emptyText;
  QString text;  // of the value, as last told
  bool logX = false;
  bool logY = false;
  bool fitted = true;
  bool exporting = false;
  std::optional<double> floor;

  std::optional<QPointF> cursor;
  std::optional<Readout> readout;
  std::vector<QPointF> marks;  // data coordinates: A, B
  Gesture gesture = Gesture::None;
  QCPAxisRect* gestureRect = nullptr;
  QPointF pressed;
  QPointF last;

  QAction* logXAction = nullptr;
  QAction* logYAction = nullptr;

  // Main axes first, then those below, shown or not.
  std::vector<QCPAxisRect*> rects() const {
    return below ? std::vector<QCPAxisRect*>{main, below} : std::vector<QCPAxisRect*>{main};
  }
  // Gives every axis its place on a canvas of this size: ticks are chosen by the room there is, so it comes first.
  void layOut(QSize size) {
    canvas->setViewport(QRect(QPoint(), size));
    for (const auto phase : {QCPLayoutElement::upPreparation, QCPLayoutElement::upMargins, QCPLayoutElement::upLayout})
      canvas->plotLayout()->update(phase);
    fitTitles();
  }
  // Shortens the upright axis titles to the height they have; the whole title comes back with the room.
  void fitTitles() {
    for (QCPAxisRect* rect : rects()) {
      QCPAxis* axis = rect->axis(QCPAxis::atLeft);
      if (rect->height() <= 0) continue;
      if (axis->label() != axis->property("titleShown").toString()) axis->setProperty("title", axis->label());
      const QFontMetrics font(axis->labelFont());
      const QString title = axis->property("title").toString();
      const int room = rect->height() + font.height();  // a letter or two may stand over
      QString shown = title;
      if (font.horizontalAdvance(title) > room) {  // a stump says less than the unit alone, or than nothing
        const qsizetype unit = title.lastIndexOf(u'(');
        shown = unit > 0 && title.endsWith(u')') ? title.mid(unit + 1).chopped(1) : QString();
        if (font.horizontalAdvance(shown) > room) shown.clear();
      }
      axis->setProperty("titleShown", shown);
      if (shown != axis->label()) axis->setLabel(shown);
    }
  }
  // What the axes in sight cover.
  QRectF area() const {
    const QRectF all(main->rect());
    return below && below->visible() ? all | QRectF(below->rect()) : all;
  }
  QCPAxis* x() const { return main->axis(QCPAxis::atBottom); }
  QCPAxis* y() const { return main->axis(QCPAxis::atLeft); }
};

}  // namespace widgets
