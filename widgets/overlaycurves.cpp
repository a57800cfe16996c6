#include <cmath>
#include <utility>

#include "widgets/curve.h"
#include "widgets/format.h"

namespace widgets {

void OverlayCurves::set(std::vector<Overlay> overlays, double first, double step, const Theme& theme) {
  m_names.clear();
  m_curves.clear();
  for (Overlay& overlay : overlays) {
    m_names.push_back(overlay.name);
    auto curve = std::make_unique<Curve>(m_x, m_y, overlayRole(m_curves.size()));
    curve->setMagnitudeFloor(m_floor);
    curve->setLeftFloor(m_leftFloor);
    curve->setDotSpacing(m_dotSpacing);
    curve->setVisible(m_visible);
    curve->setTheme(theme);
    curve->setSamples(std::move(overlay.values), first, step);
    m_curves.push_back(std::move(curve));
  }
}

void OverlayCurves::resample() {
  for (const auto& curve : m_curves) curve->resample();
}

void OverlayCurves::setTheme(const Theme& theme) {
  for (const auto& curve : m_curves) curve->setTheme(theme);
}

void OverlayCurves::setMagnitudeFloor(double floor) {
  m_floor = floor;
  for (const auto& curve : m_curves) curve->setMagnitudeFloor(floor);
}

void OverlayCurves::setLeftFloor(double position) {
  m_leftFloor = position;
  for (const auto& curve : m_curves) curve->setLeftFloor(position);
}

void OverlayCurves::setDotSpacing(double pixels) {
  m_dotSpacing = pixels;
  for (const auto& curve : m_curves) curve->setDotSpacing(pixels);
}

void OverlayCurves::setVisible(bool visible) {
  m_visible = visible;
  for (const auto& curve : m_curves) curve->setVisible(visible);
}

void OverlayCurves::addTo(std::vector<LegendEntry>& legend) const {
  for (size_t i = 0; i < m_curves.size(); ++i) legend.push_back({m_names[i], role(i), LegendEntry::Sample::Line});
}

void OverlayCurves::addTo(Readout& readout, size_t index) const {
  for (size_t i = 0; i < m_curves.size(); ++i) {
    const Curve& curve = *m_curves[i];
    if (index >= curve.size() || !std::isfinite(curve.values()[index])) continue;
    readout.marks.push_back(
        {{m_x->coordToPixel(curve.position(index)), m_y->coordToPixel(curve.drawn(index))}, role(i)});
    readout.lines.push_back({m_names[i], number(curve.values()[index])});
  }
}

void OverlayCurves::addTo(DataTable& table, const QString& quantity) const {
  for (size_t i = 0; i < m_curves.size(); ++i) {
    const auto values = m_curves[i]->values();
    table.add(m_names[i] + QStringLiteral(": ") + quantity, {values.begin(), values.end()});
  }
}

}  // namespace widgets
