// Impulse response h, the fit h^ over it, and the residual h - h^ below on the same x axis.
#pragma once

#include <optional>
#include <vector>

#include "widgets/plot.h"

namespace widgets {

class Curve;

class SignalPlot : public Plot {
  Q_OBJECT

 public:
  explicit SignalPlot(QWidget* parent = nullptr);
  ~SignalPlot() override;

  // h[0], h[1], ...; an empty vector empties the plot and forgets the fit. O(n).
  void setOriginal(std::vector<double> taps);
  // h^ from lag 0, of any length; the residual is taken where both exist. Empty removes it. O(n).
  void setFit(std::vector<double> taps);
  // The contribution of one mode, drawn over both; empty removes it. For pole hover.
  void setHighlight(std::vector<double> taps, const QString& label = {});
  // A tick at the lag that holds 99.9 % of the energy; none removes it.
  void setEffectiveLength(std::optional<double> samples);
  // The residual on a logarithmic axis of its own; linear at first.
  void setResidualLog(bool on);
  bool isResidualLog() const { return m_residualLog; }
  void setResidualShown(bool on);

  bool isEmpty() const override;
  DataTable table() const override;

 Q_SIGNALS:
  void residualLogChanged(bool on);

 protected:
  void fitRanges() override;
  void resample() override;
  void themeChanged() override;
  void scaleTypesChanged() override;
  std::optional<Readout> readoutAt(QPointF pixel) const override;
  std::optional<QPointF> steppedFrom(std::optional<QPointF> pixel, int steps) const override;
  QString summary() const override;

 private:
  void updateFloors();
  void updateResidual();
  void updateLegend();
  void drawMarks(QPainter& painter) const;

  QCPAxisRect* m_residualRect;
  std::unique_ptr<Curve> m_original;
  std::unique_ptr<Curve> m_fit;
  std::unique_ptr<Curve> m_highlight;
  std::unique_ptr<Curve> m_residual;
  QString m_highlightLabel;
  std::optional<double> m_effectiveLength;
  double m_floor = 0;  // of |h| on a logarithmic axis
  bool m_residualLog = false;
  bool m_residualShown = true;
};

}  // namespace widgets
