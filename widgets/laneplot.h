// A quantity over the position in a running generation (throughput: over the batch, both axes logarithmic), one lane
// per engine, appended to while it runs. Times are drawn twice: faint as they were measured, and strong as the median of
// the last 31 tokens, which is what rises or stays flat. The view is fitted to the medians: single tokens that took
// much longer leave the plot at the top, and the data table, the cursor and zooming out show them.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "widgets/plot.h"

class QCPGraph;
class QTimer;

namespace widgets {

class LanePlot : public Plot {
  Q_OBJECT

 public:
  enum class Quantity { MillisecondsPerToken, BytesPerSequence, TokensPerSecond };
  Q_ENUM(Quantity)

  explicit LanePlot(Quantity quantity, QWidget* parent = nullptr);

  // Adds points to the lane of Original, Distilled or Transformer; other roles are refused by assertion. Positions
  // (tokens, or the sequences of a batch) must not decrease. Points not finite are dropped. Drawn at most 30 times a
  // second, O(pixels) each.
  void append(Role lane, std::span<const double> positions, std::span<const double> values);
  void append(Role lane, double position, double value) { append(lane, {&position, 1}, {&value, 1}); }
  // Forgets all points; the view is fitted again.
  void clear();
  // The end of the x axis before the data reach it, so that a live run does not rescale at every token.
  void setExpectedLength(double positions);

  Quantity quantity() const { return m_quantity; }
  size_t size(Role lane) const;

  bool isEmpty() const override;
  DataTable table() const override;

 protected:
  void fitRanges() override;
  void themeChanged() override;
  void scaleTypesChanged() override;
  std::optional<Readout> readoutAt(QPointF pixel) const override;
  QString summary() const override;

 private:
  struct Lane {
    Role role;
    QString name;
    QCPGraph* graph = nullptr;
    QCPGraph* usual = nullptr;  // running median of times
  };
  bool overBatch() const { return m_quantity == Quantity::TokensPerSecond; }
  double usualTop(const Lane& lane) const;
  // What stands for the lane now: its latest value, of times the median of the last ones.
  double latest(const Lane& lane) const;
  QString text(double value) const;
  void updateLegend();
  void drawLatest(QPainter& painter) const;

  Quantity m_quantity;
  std::array<Lane, 3> m_lanes;
  double m_expected = 0;
  QTimer* m_frame;
};

}  // namespace widgets
