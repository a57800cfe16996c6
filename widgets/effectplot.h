// What distillation costs the language model: loss over the states that are kept, and the smallest plan within a
// tolerance.
#pragma once

#include <optional>
#include <vector>

#include "widgets/plot.h"

class QCPGraph;

namespace widgets {

struct EffectPoint {
  double states = 0;             // real states of the whole plan
  double bitsPerTokenAdded = 0;  // against the original model; may be negative by noise
  double klBitsPerToken = 0;     // to the original's predictions; NaN where not measured
};

class EffectPlot : public Plot {
  Q_OBJECT

 public:
  explicit EffectPlot(QWidget* parent = nullptr);

  // In any order; points not finite in states are dropped. O(points log points).
  void setPoints(std::vector<EffectPoint> points);
  const std::vector<EffectPoint>& points() const { return m_points; }
  // A horizontal line; the smallest plan below it is ringed. None removes both.
  void setTolerance(std::optional<double> bitsPerToken);
  // Index into points() of the smallest plan whose added bits are within the tolerance, and those of all larger ones
  // too.
  std::optional<int> smallestWithin() const;
  // A vertical line at the plan in use.
  void setCurrentStates(std::optional<double> states);

  bool isEmpty() const override { return m_points.empty(); }
  DataTable table() const override;

 Q_SIGNALS:
  // A click on a point: index into points().
  void pointChosen(int index);

 protected:
  void fitRanges() override;
  void themeChanged() override;
  void scaleTypesChanged() override;
  std::optional<Readout> readoutAt(QPointF pixel) const override;
  std::optional<QPointF> steppedFrom(std::optional<QPointF> pixel, int steps) const override;
  QString summary() const override;
  bool beginDrag(QPointF pixel) override;
  Qt::CursorShape pointerAt(QPointF pixel) const override;

 private:
  double floored(double bits) const;
  std::optional<int> nearest(QPointF pixel, double reach) const;
  void updateGraphs();
  void drawLines(QPainter& painter) const;

  std::vector<EffectPoint> m_points;  // by states
  std::optional<double> m_tolerance;
  std::optional<double> m_current;
  QCPGraph* m_added = nullptr;
  QCPGraph* m_kl = nullptr;
};

}  // namespace widgets
