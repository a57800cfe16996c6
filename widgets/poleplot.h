// Poles of a modal model: in the plane with the unit circle, or in the rim view, where the angle runs along x and the
// distance to the circle along a logarithmic y, so that poles of long memory are told apart.
#pragma once

#include <complex>
#include <vector>

#include "widgets/overlay.h"
#include "widgets/plot.h"

namespace widgets {

// Poles of another model of the same filter, to compare.
struct PoleOverlay {
  QString name;
  std::vector<std::complex<double>> poles;  // closed under conjugation; none: keeps its place among the looks
};

class PolePlot : public Plot {
  Q_OBJECT

 public:
  enum class View { Plane, Rim };
  Q_ENUM(View)

  explicit PolePlot(QWidget* parent = nullptr);

  // Closed under conjugation, with one residue per pole (missing residues count as 1). Empty empties the plot.
  void setPoles(std::vector<std::complex<double>> poles, std::vector<std::complex<double>> residues = {});
  const std::vector<std::complex<double>>& poles() const { return m_poles; }
  // Drawn over the poles in the look of their place in the list (widgets/overlay.h); an empty list removes them.
  void setOverlays(std::vector<PoleOverlay>);

  View view() const { return m_view; }
  void setView(View view);

  // Rings a pole as if hovered, without a signal; -1 none.
  void setHovered(int index);
  int hovered() const { return m_hovered; }
  // How many poles are equal to this one (to 1e-6), itself included.
  int coincident(int index) const;
  int unstableCount() const;

  bool isEmpty() const override { return m_poles.empty(); }
  DataTable table() const override;

 Q_SIGNALS:
  // Index into poles(), or -1 when the pointer leaves.
  void poleHovered(int index);

 protected:
  void fitRanges() override;
  void resample() override;
  void themeChanged() override;
  void scaleTypesChanged() override;
  std::optional<Readout> readoutAt(QPointF pixel) const override;
  std::optional<QPointF> steppedFrom(std::optional<QPointF> pixel, int steps) const override;
  QString summary() const override;
  void pointed(int item) override;

 private:
  QPointF placed(std::complex<double> pole) const;
  bool isDrawn(std::complex<double> pole) const;
  double markerWidth(size_t index) const;
  void drawPlane(QPainter& painter) const;
  void drawPoles(QPainter& painter) const;
  void drawOverlays(QPainter& painter) const;
  std::optional<Readout> overlayReadoutAt(QPointF pixel) const;
  void drawHover(QPainter& painter) const;
  void updateLegend();

  std::vector<std::complex<double>> m_poles;
  std::vector<double> m_sizes;  // |residue|
  double m_largest = 1;
  std::vector<PoleOverlay> m_overlays;
  View m_view = View::Plane;
  int m_hovered = -1;  // ringed, by pointer or program
  int m_pointed = -1;  // by the pointer, as last told
};

}  // namespace widgets
