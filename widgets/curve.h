// A uniformly sampled signal on a pair of axes, redrawn from a pyramid of extrema so that its cost depends on the
// pixels of the plot and not on the number of samples. Private to this room.
#pragma once

#include <qcustomplot.h>

#include <QPointer>
#include <memory>
#include <vector>

#include "widgets/envelope.h"
#include "widgets/overlay.h"
#include "widgets/plot.h"
#include "widgets/theme.h"

namespace widgets {

class Curve {
 public:
  // Later curves are drawn over earlier ones.
  Curve(QCPAxis* x, QCPAxis* y, Role role);
  // Takes the graph out of the plot.
  ~Curve();
  Curve(const Curve&) = delete;
  Curve& operator=(const Curve&) = delete;

  // Sample i lies at first + i * step.
  void setSamples(std::vector<double> values, double first = 0, double step = 1);
  bool empty() const { return m_values.empty(); }
  size_t size() const { return m_values.size(); }
  std::span<const double> values() const { return m_values.samples(); }
  double position(size_t index) const { return m_first + m_step * static_cast<double>(index); }
  // The sample nearest to a position; the signal must not be empty.
  size_t nearest(double position) const;

  // Draws |value|, no lower than `floor` (> 0), for logarithmic axes. 0 draws the values themselves. O(n) on change.
  void setMagnitudeFloor(double floor);
  // What is drawn at a sample: the value, or its floored magnitude.
  double drawn(size_t index) const;
  // Positions on a logarithmic x axis are drawn no further left than this.
  void setLeftFloor(double position) { m_leftFloor = position; }

  // Extrema of all values. low > high when there are none.
  Extent extent() const { return m_values.extent(0, m_values.size()); }
  double largestMagnitude() const;

  // Gives the graph the points for the present ranges. O(pixels log n).
  void resample();
  void setTheme(const Theme& theme);
  void setVisible(bool visible);
  // Dots at the samples once they are this many pixels apart; 0 never.
  void setDotSpacing(double pixels) { m_dotSpacing = pixels; }

 private:
  void addPoint(QVector<QCPGraphData>& points, size_t index) const;
  double pathPixels(const QVector<QCPGraphData>& points) const;

  QPointer<QCPGraph> m_graph;
  Role m_role;
  Envelope m_values;
  Envelope m_magnitudes;
  double m_first = 0;
  double m_step = 1;
  double m_floor = 0;
  double m_leftFloor = 0;
  double m_dotSpacing = 9;
  Theme m_theme = Theme::light();
};

// The curves of the overlays of one pair of axes.
class OverlayCurves {
 public:
  OverlayCurves(QCPAxis* x, QCPAxis* y) : m_x(x), m_y(y) {}

  // Sample i of each lies at first + i * step. O(samples).
  void set(std::vector<Overlay> overlays, double first, double step, const Theme& theme);
  size_t size() const { return m_curves.size(); }
  const QString& name(size_t index) const { return m_names[index]; }
  Role role(size_t index) const { return overlayRole(index); }
  Curve& operator[](size_t index) { return *m_curves[index]; }
  const Curve& operator[](size_t index) const { return *m_curves[index]; }

  void resample();
  void setTheme(const Theme& theme);
  void setMagnitudeFloor(double floor);
  void setLeftFloor(double position);
  void setDotSpacing(double pixels);
  void setVisible(bool visible);
  void addTo(std::vector<LegendEntry>& legend) const;
  // Mark and value of each at the sample of this index.
  void addTo(Readout& readout, size_t index) const;
  void addTo(DataTable& table, const QString& quantity) const;

 private:
  QCPAxis* m_x;
  QCPAxis* m_y;
  double m_floor = 0;
  double m_leftFloor = 0;
  double m_dotSpacing = 9;
  bool m_visible = true;
  std::vector<QString> m_names;
  std::vector<std::unique_ptr<Curve>> m_curves;
};

}  // namespace widgets
