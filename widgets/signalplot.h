// Impulse response h, the fit h^ over it, and the residual h - h^ below on the same x axis.
#pragma once

#include <optional>
#include <vector>

#include "widgets/overlay.h"
#include "widgets/plot.h"

namespace widgets {

class Curve;
class OverlayCurves;

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
  // Further fits over the same lags, to compare methods; an empty list removes them. O(n) each.
  void setOverlays(std::vector<Overlay> fits);
  // A tick at the lag that holds 99.9 % of the energy; none removes it.
  void setEffectiveLength(std::optional<double> samples);
  // The residual on a logarithmic axis of its own; linear at first.
  void setResidualLog(bool on);
  bool isResidualLog() const { return m_residualLog; }

  bool isEmpty() const override;
  DataTable table() const override;

 protected:
  void fitRanges() override;
  void resample() override;
  void themeChanged() override;
  void scaleTypesChanged() override;
  void resizeEvent(QResizeEvent* event) override;
  std::optional<Readout> readoutAt(QPointF pixel) const override;
  std::optional<QPointF> steppedFrom(std::optional<QPointF> pixel, int steps) const override;
  QString summary() const override;

 private:
  void measure();
  void updateFloors();
  void updateResidual();
  void showStrip();
  void updateLegend();
  void drawNotes(QPainter& painter) const;

  QCPAxisRect* m_residualRect;
  std::unique_ptr<Curve> m_original;
  std::unique_ptr<Curve> m_fit;
  std::unique_ptr<Curve> m_highlight;
  std::unique_ptr<Curve> m_residual;
  std::unique_ptr<OverlayCurves> m_overlays;
  QString m_highlightLabel;
  std::optional<double> m_effectiveLength;
  double m_noise = 0;  // below it float64 taps tell nothing
  double m_floor = 0;  // of |h| on a logarithmic axis
  bool m_isFloored = false;
  bool m_residualLog = false;
};

}  // namespace widgets
