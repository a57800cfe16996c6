// Frequency responses of original and fit on 0..pi: magnitude in dB, phase, or group delay.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "widgets/overlay.h"
#include "widgets/plot.h"

namespace widgets {

class Curve;
class OverlayCurves;

// All on the same uniform grid of n frequencies from 0 to pi, both included; one may be left empty.
struct FrequencyResponse {
  std::vector<double> magnitudeDecibels;
  std::vector<double> phaseRadians;       // unwrapped
  std::vector<double> groupDelaySamples;  // tokens
};

class SpectrumPlot : public Plot {
  Q_OBJECT

 public:
  enum class Quantity { Magnitude, Phase, GroupDelay };
  Q_ENUM(Quantity)

  explicit SpectrumPlot(QWidget* parent = nullptr);
  ~SpectrumPlot() override;

  // An empty response empties the plot and forgets the fit. O(n).
  void setOriginal(FrequencyResponse response);
  void setFit(FrequencyResponse response);
  // Magnitude of h - h^ in dB, drawn with the magnitudes only.
  void setResidual(std::vector<double> magnitudeDecibels);

  // Magnitudes in dB of further fits on the same grid, drawn with the magnitudes only; an empty list removes them.
  void setOverlays(std::vector<Overlay> magnitudesDecibels);

  // Shades the frequencies that count in a fit (radians per token) and writes `words` into them; none: all alike.
  void setBand(std::optional<std::pair<double, double>> band, const QString& words);

  Quantity quantity() const { return m_quantity; }
  void setQuantity(Quantity quantity);

  bool isEmpty() const override;
  DataTable table() const override;

 Q_SIGNALS:
  // Drawn with Ctrl held; radians per token, low < high.
  void bandDrawn(double low, double high);

 protected:
  void fitRanges() override;
  void resample() override;
  void themeChanged() override;
  void scaleTypesChanged() override;
  std::optional<Readout> readoutAt(QPointF pixel) const override;
  std::optional<QPointF> steppedFrom(std::optional<QPointF> pixel, int steps) const override;
  QString summary() const override;
  bool beginDrag(QPointF pixel) override;
  void dragTo(QPointF pixel) override;
  void endDrag(QPointF pixel) override;

 private:
  struct Traces {
    std::unique_ptr<Curve> original;
    std::unique_ptr<Curve> fit;
  };
  Traces& shown();
  const Traces& shown() const;
  void updateLegend();
  double frequencyAt(QPointF pixel) const;
  void drawBand(QPainter& painter) const;
  QString valueWithUnit(double value) const;

  std::array<Traces, 3> m_traces;  // by Quantity
  std::unique_ptr<Curve> m_residual;
  std::unique_ptr<OverlayCurves> m_overlays;
  Quantity m_quantity = Quantity::Magnitude;
  std::optional<std::pair<double, double>> m_band;
  QString m_bandWords;
  std::optional<std::pair<double, double>> m_drawn;  // while the mouse is down: from, to
};

}  // namespace widgets
