// What the plots are assembled from, on top of QCustomPlot. Private to this room: it costs its includer qcustomplot.h.
#pragma once

#include <qcustomplot.h>

#include <QFont>
#include <functional>
#include <vector>

#include "widgets/legend.h"
#include "widgets/theme.h"

namespace widgets {

// A free drawing on a layer of the plot: order line, cursor, unit circle, empty state.
class PaintLayer : public QCPLayerable {
  Q_OBJECT

 public:
  using Paint = std::function<void(QCPPainter&)>;
  PaintLayer(QCustomPlot* plot, const QString& layer, Paint paint);

 protected:
  void applyDefaultAntialiasingHint(QCPPainter* painter) const override;
  void draw(QCPPainter* painter) override;

 private:
  Paint m_paint;
};

// Over a horizontal line at `y` of `area`, at one of its ends; what lies behind shines through a little.
void drawLineLabel(QPainter& painter, const Theme& theme, const QRectF& area, double y, const QString& text,
                   Qt::Edge end = Qt::RightEdge);

// Title on the left, legend on the right of the same line, or flowing below where the plot is narrow.
class PlotHeader : public QCPLayoutElement {
  Q_OBJECT

 public:
  explicit PlotHeader(QCustomPlot* plot);

  void setTitle(const QString& title) { m_title = title; }
  QString title() const { return m_title; }
  void setLegend(std::vector<LegendEntry> entries) { m_entries = std::move(entries); }
  void setTheme(const Theme& theme) { m_theme = theme; }
  QSize minimumOuterSizeHint() const override;
  QSize maximumOuterSizeHint() const override { return {QWIDGETSIZE_MAX, minimumOuterSizeHint().height()}; }

 protected:
  void applyDefaultAntialiasingHint(QCPPainter* painter) const override;
  void draw(QCPPainter* painter) override;

 private:
  struct Placed {
    QRectF title;
    std::vector<QRectF> entries;
    double height;
  };
  Placed place(double width) const;

  QString m_title;
  std::vector<LegendEntry> m_entries;
  Theme m_theme = Theme::light();
};

// One muted line at the foot of exported figures; takes no room while `shown` is false.
class PlotFooter : public QCPLayoutElement {
  Q_OBJECT

 public:
  explicit PlotFooter(QCustomPlot* plot);

  void setText(const QString& text) { m_text = text; }
  QString text() const { return m_text; }
  void setShown(bool shown) { m_shown = shown; }
  void setTheme(const Theme& theme) { m_theme = theme; }
  QSize minimumOuterSizeHint() const override;
  QSize maximumOuterSizeHint() const override { return {QWIDGETSIZE_MAX, minimumOuterSizeHint().height()}; }

 protected:
  void applyDefaultAntialiasingHint(QCPPainter* painter) const override;
  void draw(QCPPainter* painter) override;

 private:
  bool visible() const { return m_shown && !m_text.isEmpty(); }

  QString m_text;
  bool m_shown = false;
  Theme m_theme = Theme::light();
};

// Linear ticks with typographic labels, and none between: the grid is to be read past.
class NumberTicker : public QCPAxisTicker {
 public:
  using Label = std::function<QString(double)>;
  explicit NumberTicker(Label label = {}) : m_label(std::move(label)) {}
  // The axis whose room bounds the number of ticks; labels that would touch there are left out.
  void setAxis(const QCPAxis* axis) { m_axis = axis; }
  void generate(const QCPRange& range, const QLocale& locale, QChar formatChar, int precision, QVector<double>& ticks,
                QVector<double>* subTicks, QVector<QString>* tickLabels) override;

 protected:
  QString getTickLabel(double tick, const QLocale& locale, QChar formatChar, int precision) override;
  int getSubTickCount(double tickStep) override;

  Label m_label;

 private:
  const QCPAxis* m_axis = nullptr;
};

// Whole numbers only: orders, tokens, samples.
class IntegerTicker : public NumberTicker {
 public:
  using NumberTicker::NumberTicker;

 protected:
  double getTickStep(const QCPRange& range) override;
};

// Logarithmic ticks that stay useful at any zoom: thinned powers of ten over many decades, 1-2-5 over few, linear
// ticks within one.
class LogTicker : public NumberTicker {
 public:
  using NumberTicker::NumberTicker;

 protected:
  double getTickStep(const QCPRange& range) override;
  QVector<double> createTickVector(double tickStep, const QCPRange& range) override;
  QString getTickLabel(double tick, const QLocale& locale, QChar formatChar, int precision) override;
};

// Powers of two, for what is doubled: batches.
class DoublingTicker : public NumberTicker {
 public:
  using NumberTicker::NumberTicker;

 protected:
  QVector<double> createTickVector(double tickStep, const QCPRange& range) override;
};

// Fractions of pi on an angle or frequency axis: 0, π/4, π/2.
class PiTicker : public NumberTicker {
 public:
  PiTicker();

 protected:
  double getTickStep(const QCPRange& range) override;
};

enum class Ticks { Numbers, Integers, Doublings };

// About `count` ticks of the kind, or logarithmic ones where the axis is; all powers of two on such an axis.
void useTicker(QCPAxis* axis, Ticks kind, int count);

// Draws `marker` of a given full width around a pixel. Disc and Square are filled, Circle is hollow.
void paintMarker(QPainter& painter, Marker marker, QPointF centre, double size, const QColor& colour,
                 const QColor& ground);

// A rounded label with its text, kept inside `bounds`; returns where it was drawn.
QRectF paintPill(QPainter& painter, const QString& text, QPointF centre, const QRectF& bounds, const QFont& font,
                 const QColor& ink, const QColor& fill);

// Titles, ticks, grid and fonts of both axes in the theme.
void styleAxis(QCPAxis* axis, const Theme& theme);

}  // namespace widgets
