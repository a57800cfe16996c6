// How near each lane comes to what the device can do: attained operations per second over arithmetic intensity, under
// the roof min(peak, bandwidth x intensity) (Williams, Waterman and Patterson 2009).
#pragma once

#include <vector>

#include "widgets/plot.h"

namespace widgets {

struct Roof {
  QString device;
  double flopsPerSecond = 0;
  double bytesPerSecond = 0;
};

struct RooflinePoint {
  QString name;
  Role role = Role::Original;
  double flopsPerByte = 0;
  double flopsPerSecond = 0;
};

class RooflinePlot : public Plot {
  Q_OBJECT

 public:
  explicit RooflinePlot(QWidget* parent = nullptr);

  // Values must be positive and finite, else there is no roof and the plot is empty.
  void setRoof(const Roof& roof);
  // Points that are not positive and finite are dropped.
  void setPoints(std::vector<RooflinePoint> points);
  // Attainable at an intensity: min(peak, bandwidth x intensity).
  double attainable(double flopsPerByte) const;

  bool isEmpty() const override;
  DataTable table() const override;

 protected:
  void fitRanges() override;
  void scaleTypesChanged() override;
  std::optional<Readout> readoutAt(QPointF pixel) const override;
  QString summary() const override;

 private:
  void drawRoof(QPainter& painter) const;
  QString shareOf(const RooflinePoint& point) const;

  Roof m_roof;
  std::vector<RooflinePoint> m_points;
};

}  // namespace widgets
