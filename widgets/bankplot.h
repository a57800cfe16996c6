// All filters of a layer at a glance: one row per channel, colour for |h| over the lag, or sigma over the index.
// A click selects a channel, a drag brushes a range of them; the wheel zooms.
#pragma once

#include <optional>
#include <vector>

#include "widgets/plot.h"

class QCPColorMap;

namespace widgets {

class BankPlot : public Plot {
  Q_OBJECT

 public:
  enum class Quantity { ImpulseResponse, SingularValues };
  Q_ENUM(Quantity)

  explicit BankPlot(QWidget* parent = nullptr);

  // Row-major, `columns` values per channel; magnitudes are drawn on a logarithmic colour scale of six decades below
  // the largest. A trailing part of a row is ignored. Beyond 2048 columns the largest of each group is shown.
  // O(values).
  void setValues(std::vector<double> values, size_t columns, Quantity quantity);
  size_t channels() const { return m_channels; }

  // Without signals; channels outside the bank select nothing.
  void setSelected(std::optional<int> channel);
  std::optional<int> selected() const { return m_selected; }

  bool isEmpty() const override { return m_channels == 0; }
  // Channels by columns, as given.
  DataTable table() const override;

 Q_SIGNALS:
  void channelSelected(int channel);
  // First and last channel of the brush, both included.
  void channelsBrushed(int first, int last);

 protected:
  void fitRanges() override;
  void themeChanged() override;
  void scaleTypesChanged() override;
  std::optional<Readout> readoutAt(QPointF pixel) const override;
  QString summary() const override;
  bool beginDrag(QPointF pixel) override;
  void dragTo(QPointF pixel) override;
  void endDrag(QPointF pixel) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  int channelAt(QPointF pixel) const;
  void drawSelection(QPainter& painter) const;
  void drawScale(QPainter& painter) const;

  QCPColorMap* m_map;
  std::vector<double> m_values;
  size_t m_columns = 0;
  size_t m_channels = 0;
  double m_largest = 0;
  Quantity m_quantity = Quantity::ImpulseResponse;
  std::optional<int> m_selected;
  std::optional<int> m_brushFrom;
  int m_brushTo = 0;
};

}  // namespace widgets
