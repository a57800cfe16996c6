// The base of all plots: title, legend, typeset axes, zoom, pan, logarithmic axes, cursor, export, accessibility.
//
// Mouse: wheel zooms around the pointer (with Ctrl the x axis alone, with Shift the y axis alone; over an axis that
// axis alone), dragging pans, Shift-dragging zooms to a box, double-click fits. Keys: X and Y switch logarithmic axes,
// F fits, + and - zoom, arrows move the cursor from sample to sample, Escape hides it, M marks the sample
// under it, T shows the data table, Ctrl+C copies the picture, Ctrl+Shift+C the values in words. The same things are
// QActions of the widget, named, for menus and palettes.
//
// A plot follows the theme of the application. Everything belongs to the GUI thread.
#pragma once

#include <QPointF>
#include <QSize>
#include <QString>
#include <QWidget>
#include <memory>
#include <optional>
#include <vector>

#include "widgets/datatable.h"
#include "widgets/legend.h"
#include "widgets/theme.h"

class QPainter;
class QCPAxis;
class QCPAxisRect;
class QCPPainter;
class QCustomPlot;

namespace widgets {

struct Range {
  double low = 0;
  double high = 1;
};

// What the cursor says: snapped marks and the values there.
struct Readout {
  struct Mark {
    QPointF pixel;
    Role role;
  };
  struct Line {
    QString label;
    QString value;
  };
  std::vector<Mark> marks;
  std::vector<Line> lines;
  bool crosshair = true;  // draw the vertical line through the first mark
  int item = -1;          // what is pointed at, for plots of things
};

struct ExportOptions {
  QSize size{960, 600};        // logical pixels (SVG, PDF: 1/96 inch)
  double scale = 2;            // PNG only, held within 1 to 4
  std::optional<Theme> theme;  // another theme than the screen's, for print
};

class Plot : public QWidget {
  Q_OBJECT

 public:
  // `name` is the quantity ("Impulse response"); it is the first title and the accessible name.
  explicit Plot(const QString& name, QWidget* parent = nullptr);
  ~Plot() override;

  QString title() const;
  void setTitle(const QString& title);
  // Where the data came from: printed at the foot of every export.
  void setProvenance(const QString& text);
  QString provenance() const;
  // Shown in place of data; says what to do.
  void setEmptyText(const QString& text);
  virtual bool isEmpty() const = 0;

  bool logX() const;
  bool logY() const;
  void setLogX(bool on);
  void setLogY(bool on);

  Range xRange() const;
  Range yRange() const;
  void setXRange(Range range);
  void setYRange(Range range);
  // Shows everything, and goes on doing so with new data until the person zooms.
  void fit();
  bool isFitted() const;

  const Theme& theme() const;
  void setTheme(const Theme& theme);

  // All numbers drawn, complete and unfloored.
  virtual DataTable table() const = 0;
  // What the cursor stands on, in words; else a summary of the plot.
  QString valueText() const;
  // Moves the cursor as the mouse would. Outside the axes it disappears.
  void moveCursor(QPointF pixel);
  void clearCursor();
  // Up to two marks in data coordinates of the main axes, A and B, with their difference and ratio beside them. They
  // stay where they are while data change, and are exported. Key M sets them at the cursor, Shift+M removes them.
  void setMarks(std::vector<QPointF> marks);
  const std::vector<QPointF>& marks() const;
  // "A (12, 0.5)  B (20, 0.25)  Δx 8  Δy −0.25  B/A 0.5×"; empty without marks.
  QString markText() const;
  // Where data coordinates of the main axes lie in the widget, and back.
  QPointF pixelAt(double x, double y) const;
  QPointF coordinatesAt(QPointF pixel) const;

  // The plot without cursor, with its provenance. The widget itself does not change.
  QImage image(const ExportOptions& options) const;
  // By the suffix: png, svg, pdf. Returns an empty string, or one sentence that says what failed.
  QString exportTo(const QString& path, const ExportOptions& options) const;
  // Draws the figure at the origin of a painter of QCustomPlot's; for pages of several plots.
  void paintFigure(QCPPainter& painter, QSize size, const std::optional<Theme>& theme, bool withProvenance) const;
  void copyImage() const;
  void showTable();

  QSize sizeHint() const override { return {480, 300}; }
  QSize minimumSizeHint() const override { return {240, 160}; }

 Q_SIGNALS:
  // By the person or the program; for linked axes.
  void xRangeChanged(widgets::Range range);
  void scalesChanged();

 protected:
  // For the plots built on this one. Axis pointers belong to the canvas.
  QCustomPlot* canvas() const;
  QCPAxisRect* mainRect() const;
  QCPAxis* xAxis() const;
  QCPAxis* yAxis() const;
  // A second pair of axes below the main one, sharing its x axis; `share` of the height.
  QCPAxisRect* addRectBelow(double share);
  // Gives its room to the main axes, or takes it again.
  void setRectBelowShown(bool shown);
  // Axis titles; the unit is set in parentheses.
  void setAxisTitles(const QString& x, const QString& xUnit, const QString& y, const QString& yUnit);
  void setLegend(std::vector<LegendEntry> entries);
  // After data or switches changed: fits if the view is fitted, and draws once in the coming event loop round.
  void refresh();
  bool isExporting() const;

  // Sets the ranges that show everything. Called by fit() and refresh() only when not empty.
  virtual void fitRanges() = 0;
  // Called when layout is known, before drawing: bring drawn points in line with ranges and sizes.
  virtual void resample() {}
  virtual void themeChanged() {}
  virtual void scaleTypesChanged() {}
  virtual std::optional<Readout> readoutAt(QPointF pixel) const = 0;
  // The readout a step of the arrow keys further; without a cursor the first one.
  virtual std::optional<QPointF> steppedFrom(std::optional<QPointF> pixel, int steps) const;
  virtual QString summary() const = 0;
  // The item of the readout, whenever the cursor has moved; -1 none.
  virtual void pointed(int) {}
  // Direct manipulation goes first: true takes the gesture, and drags and the release then come here too.
  virtual bool beginDrag(QPointF) { return false; }
  virtual void dragTo(QPointF) {}
  virtual void endDrag(QPointF) {}
  virtual Qt::CursorShape pointerAt(QPointF) const { return Qt::ArrowCursor; }
  // The floor below which logarithmic y values are drawn, once some are; marked in the plot.
  void setMarkedFloor(std::optional<double> floor);
  bool hasLogX() const { return m_hasLogX; }
  void setLogAllowed(bool x, bool y);

  bool event(QEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void leaveEvent(QEvent* event) override;
  void focusInEvent(QFocusEvent* event) override;
  void focusOutEvent(QFocusEvent* event) override;

 private:
  struct Parts;
  void buildCanvas(const QString& name);
  void buildActions();
  void restyle(const Theme& theme);
  void applyScaleTypes();
  void drawDecorations(QPainter& painter) const;
  void drawCursor(QPainter& painter) const;
  void drawReadout(QPainter& painter) const;
  void drawMarks(QPainter& painter) const;
  void markAtCursor();
  void updateReadout();
  void zoom(QPointF pixel, double factor, bool alongX, bool alongY);
  QCPAxisRect* rectAt(QPointF pixel, bool withAxes) const;

  std::unique_ptr<Parts> m_parts;
  bool m_hasLogX = true;
  bool m_hasLogY = true;
};

}  // namespace widgets
