#include "widgets/poleplot.h"

#include <QAction>
#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "widgets/format.h"
#include "widgets/plotparts.h"

namespace widgets {
namespace {

constexpr double pi = std::numbers::pi;
constexpr double nearest = 1e-9;   // distances to the circle are drawn no smaller
constexpr double reach = 10;       // pixels within which a pole is meant
constexpr double together = 3;     // pixels within which labels would cover each other
constexpr double sameness = 1e-6;  // distance below which poles are one

bool isReal(std::complex<double> pole) {
  return std::abs(pole.imag()) <= 1e-12 * std::max(1.0, std::abs(pole));
}
bool isUnstable(std::complex<double> pole) {
  return !(std::abs(pole) < 1);
}
void addPlace(Readout& readout, std::complex<double> pole) {
  const double radius = std::abs(pole);
  readout.lines.push_back({PolePlot::tr("radius"), radius > 0.9 && radius < 1 ? PolePlot::tr("1 − %1").arg(number(1 - radius))
                                                                              : number(radius)});
  readout.lines.push_back({PolePlot::tr("angle"), PolePlot::tr("%1 π").arg(number(std::arg(pole) / pi))});
}

}  // namespace

PolePlot::PolePlot(QWidget* parent) : Plot(tr("Poles"), parent) {
  new PaintLayer(canvas(), QStringLiteral("grid"), [this](QCPPainter& painter) { drawPlane(painter); });
  new PaintLayer(canvas(), QStringLiteral("main"), [this](QCPPainter& painter) { drawPoles(painter); });
  new PaintLayer(canvas(), QStringLiteral("handles"), [this](QCPPainter& painter) { drawHover(painter); });
  setEmptyText(tr("Choose an order to see the poles of the distilled filter."));
  setLogAllowed(false, false);
  auto* rim = new QAction(tr("Rim view: distance to the unit circle"), this);
  rim->setObjectName(QStringLiteral("plot.rim"));
  rim->setShortcut(Qt::Key_R);
  rim->setShortcutContext(Qt::WidgetShortcut);
  connect(rim, &QAction::triggered, this, [this] { setView(m_view == View::Plane ? View::Rim : View::Plane); });
  addAction(rim);
  scaleTypesChanged();
}

void PolePlot::setPoles(std::vector<std::complex<double>> poles, std::vector<std::complex<double>> residues) {
  m_poles = std::move(poles);
  m_sizes.assign(m_poles.size(), 1.0);
  for (size_t i = 0; i < std::min(residues.size(), m_sizes.size()); ++i) m_sizes[i] = std::abs(residues[i]);
  m_largest = m_sizes.empty() ? 1 : std::max(*std::max_element(m_sizes.begin(), m_sizes.end()), 1e-300);
  if (m_hovered >= static_cast<int>(m_poles.size())) m_hovered = -1;
  updateLegend();
  refresh();
}

void PolePlot::setOverlays(std::vector<PoleOverlay> overlays) {
  m_overlays = std::move(overlays);
  updateLegend();
  refresh();
}

void PolePlot::setView(View view) {
  if (view == m_view) return;
  clearCursor();
  m_view = view;
  scaleTypesChanged();
  fit();
}

void PolePlot::setHovered(int index) {
  index = index >= 0 && index < static_cast<int>(m_poles.size()) ? index : -1;
  if (index == m_hovered) return;
  m_hovered = index;
  canvas()->layer(QStringLiteral("handles"))->replot();
}

void PolePlot::pointed(int item) {
  if (item == m_pointed) return;
  m_pointed = item;
  setHovered(item);
  Q_EMIT poleHovered(item);
}

int PolePlot::unstableCount() const {
  return static_cast<int>(std::count_if(m_poles.begin(), m_poles.end(), isUnstable));
}

QPointF PolePlot::placed(std::complex<double> pole) const {
  if (m_view == View::Plane) return pixelAt(pole.real(), pole.imag());
  return pixelAt(std::abs(std::arg(pole)), std::max(nearest, std::abs(1 - std::abs(pole))));
}

// In the rim view a conjugate pair is one mark, its upper member's.
bool PolePlot::isDrawn(std::complex<double> pole) const {
  return m_view == View::Plane || pole.imag() >= 0 || isReal(pole);
}

int PolePlot::coincident(int index) const {
  if (index < 0 || index >= static_cast<int>(m_poles.size())) return 0;
  const std::complex<double> pole = m_poles[static_cast<size_t>(index)];
  return static_cast<int>(
      std::count_if(m_poles.begin(), m_poles.end(), [&](auto other) { return std::abs(other - pole) <= sameness; }));
}

double PolePlot::markerWidth(size_t index) const {
  return theme().markerSize() * (0.8 + 1.5 * std::sqrt(m_sizes[index] / m_largest));
}

void PolePlot::updateLegend() {
  const bool real = std::any_of(m_poles.begin(), m_poles.end(), [](auto p) { return isReal(p) && !isUnstable(p); });
  const bool pairs = std::any_of(m_poles.begin(), m_poles.end(), [](auto p) { return !isReal(p) && !isUnstable(p); });
  std::vector<LegendEntry> entries;
  const auto add = [&](const QString& label, Role role, Marker marker) {
    entries.push_back({label, role, LegendEntry::Sample::Dots, marker});
  };
  if (pairs) add(tr("pairs"), Role::Distilled, Marker::Disc);
  if (real) add(tr("real"), Role::Distilled, Marker::Diamond);
  if (const int unstable = unstableCount()) add(tr("%1 unstable").arg(unstable), Role::Unstable, Marker::Cross);
  for (size_t i = 0; i < m_overlays.size(); ++i) {
    const auto& [name, poles] = m_overlays[i];
    if (poles.empty()) continue;
    const auto unstable = std::count_if(poles.begin(), poles.end(), isUnstable);
    add(unstable > 0 ? tr("%1, %2 unstable").arg(name).arg(unstable) : name, overlayRole(i), Marker::None);
  }
  setLegend(std::move(entries));
}

void PolePlot::scaleTypesChanged() {
  const bool rim = m_view == View::Rim;
  yAxis()->setScaleType(rim ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
  yAxis()->setRangeReversed(rim);  // the circle is above: up is longer memory
  useTicker(yAxis(), Ticks::Numbers, 5);
  if (rim) {
    auto ticker = QSharedPointer<PiTicker>::create();
    ticker->setTickCount(4);
    xAxis()->setTicker(ticker);
    setAxisTitles(tr("angle"), tr("rad/token"), tr("distance to the circle, 1 − |λ|"), {});
  } else {
    useTicker(xAxis(), Ticks::Numbers, 5);
    setAxisTitles(tr("Re λ"), {}, tr("Im λ"), {});
  }
}

void PolePlot::themeChanged() {
  updateLegend();
}

void PolePlot::fitRanges() {
  if (m_view == View::Plane) {
    double radius = 1;
    const auto reachTo = [&radius](std::complex<double> pole) {
      radius = std::max(radius, std::min(std::abs(pole), 1e6));
    };
    std::for_each(m_poles.begin(), m_poles.end(), reachTo);
    // What another method threw far out is counted in the legend; it must not make a dot of the circle.
    for (const PoleOverlay& overlay : m_overlays)
      for (const auto& pole : overlay.poles)
        if (std::abs(pole) < 2) reachTo(pole);
    xAxis()->setRange(-1.12 * radius, 1.12 * radius);
    yAxis()->setRange(-1.12 * radius, 1.12 * radius);
    return;
  }
  double low = 1;
  double high = 0;
  const auto reachTo = [&](std::complex<double> pole) {
    const double distance = std::max(nearest, std::abs(1 - std::abs(pole)));
    low = std::min(low, distance);
    high = std::max(high, distance);
  };
  std::for_each(m_poles.begin(), m_poles.end(), reachTo);
  for (const PoleOverlay& overlay : m_overlays) std::for_each(overlay.poles.begin(), overlay.poles.end(), reachTo);
  xAxis()->setRange(-0.04 * pi, 1.04 * pi);
  yAxis()->setRange(low / 2.5, std::max(high, low * 10) * 2);
}

// One unit is as long on either axis: the circle is a circle at every size and zoom.
void PolePlot::resample() {
  if (m_view == View::Rim || mainRect()->width() < 1 || mainRect()->height() < 1) return;
  const QCPRange x = xAxis()->range();
  const QCPRange y = yAxis()->range();
  const double unit = std::max(x.size() / mainRect()->width(), y.size() / mainRect()->height());
  const QSizeF wanted = QSizeF(mainRect()->size()) * unit;
  if (std::abs(wanted.width() - x.size()) < 1e-9 * unit && std::abs(wanted.height() - y.size()) < 1e-9 * unit) return;
  xAxis()->setRange(x.center() - wanted.width() / 2, x.center() + wanted.width() / 2);
  yAxis()->setRange(y.center() - wanted.height() / 2, y.center() + wanted.height() / 2);
  mainRect()->update(QCPLayoutElement::upPreparation);  // ticks for the new ranges
}

void PolePlot::drawPlane(QPainter& painter) const {
  const QRectF area(mainRect()->rect());
  painter.setClipRect(area);
  if (m_view == View::Plane) {
    const QPointF centre = pixelAt(0, 0);
    const double radius = xAxis()->coordToPixel(1) - centre.x();
    QColor ground = theme().colour(Role::Grid);
    ground.setAlphaF(0.45F);
    painter.setBrush(ground);
    painter.setPen(QPen(theme().colour(Role::Axis), 1.5 * theme().scale()));
    painter.drawEllipse(centre, radius, radius);
  }
  painter.setClipping(false);
}

void PolePlot::drawPoles(QPainter& painter) const {
  const QRectF area(mainRect()->rect());
  painter.setClipRect(area.adjusted(-6, -6, 6, 6));
  // Small ones last, so that none hides behind a large one.
  std::vector<size_t> order(m_poles.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [this](size_t a, size_t b) { return m_sizes[a] > m_sizes[b]; });
  const QColor surface = theme().colour(Role::Surface);
  for (const size_t i : order) {
    if (!isDrawn(m_poles[i])) continue;
    const QPointF place = placed(m_poles[i]);
    const double width = markerWidth(i);
    if (isUnstable(m_poles[i])) {
      paintMarker(painter, Marker::Cross, place, std::max(width, theme().markerSize() * 1.5),
                  theme().colour(Role::Unstable), surface);
      continue;
    }
    const Marker shape = isReal(m_poles[i]) ? Marker::Diamond : Marker::Disc;
    paintMarker(painter, shape, place, width + 2 * theme().scale(), surface, surface);
    paintMarker(painter, shape, place, width, theme().colour(Role::Distilled), surface);
  }
  drawOverlays(painter);
  painter.setFont(theme().font(TextSize::Caption, QFont::DemiBold));
  painter.setPen(theme().colour(Role::Text));
  std::vector<QPointF> counted;
  for (const size_t i : order) {
    if (!isDrawn(m_poles[i])) continue;
    const QPointF place = placed(m_poles[i]);
    const int count = coincident(static_cast<int>(i));
    const bool done = std::any_of(counted.begin(), counted.end(), [&](QPointF c) {
      return std::hypot(c.x() - place.x(), c.y() - place.y()) <= 2 * together;
    });
    if (count < 2 || done) continue;
    counted.push_back(place);
    const double r = markerWidth(i) / 2;
    painter.drawText(place + QPointF(r + 2, -r), tr("×%1").arg(count));
  }
  painter.setClipping(false);
}

// Smaller than the model's own, so that both are seen where they agree.
void PolePlot::drawOverlays(QPainter& painter) const {
  const QColor surface = theme().colour(Role::Surface);
  const double width = theme().markerSize();
  for (size_t i = 0; i < m_overlays.size(); ++i) {
    const Role role = overlayRole(i);
    for (const auto& pole : m_overlays[i].poles) {
      if (!isDrawn(pole)) continue;
      if (isUnstable(pole)) {
        paintMarker(painter, Marker::Cross, placed(pole), width, theme().colour(Role::Unstable), surface);
        continue;
      }
      paintMarker(painter, theme().marker(role), placed(pole), width + 2 * theme().scale(), surface, surface);
      paintMarker(painter, theme().marker(role), placed(pole), width, theme().colour(role), surface);
    }
  }
}

void PolePlot::drawHover(QPainter& painter) const {
  if (m_hovered < 0 || isExporting()) return;
  const auto index = static_cast<size_t>(m_hovered);
  const auto ring = [&](std::complex<double> pole, double width) {
    const double r = markerWidth(index) / 2 + 3 * theme().scale();
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(theme().colour(Role::Accent), width * theme().scale()));
    painter.drawEllipse(placed(pole), r, r);
  };
  ring(m_poles[index], 2.5);
  if (m_view == View::Plane && !isReal(m_poles[index])) ring(std::conj(m_poles[index]), 1.2);
}

std::optional<Readout> PolePlot::readoutAt(QPointF pixel) const {
  std::optional<size_t> best;
  double least = reach * theme().scale();
  for (size_t i = 0; i < m_poles.size(); ++i) {
    const QPointF apart = placed(m_poles[i]) - pixel;
    const double distance = std::hypot(apart.x(), apart.y());
    if (!isDrawn(m_poles[i]) || distance > least) continue;
    least = distance;
    best = i;
  }
  if (!best) return overlayReadoutAt(pixel);
  const std::complex<double> pole = m_poles[*best];
  const double radius = std::abs(pole);
  Readout readout;
  readout.crosshair = false;
  readout.item = static_cast<int>(*best);
  addPlace(readout, pole);
  if (!isReal(pole))
    readout.lines.push_back({tr("period"), tr("%1 tokens").arg(number(2 * pi / std::abs(std::arg(pole))))});
  readout.lines.push_back(
      {tr("decay time"), radius < 1 ? tr("%1 tokens").arg(number(-1 / std::log(radius))) : tr("grows")});
  readout.lines.push_back({tr("|residue|"), number(m_sizes[*best])});
  if (const int count = coincident(static_cast<int>(*best)); count > 1) {
    readout.lines.push_back({tr("poles here"), QString::number(count)});
  }
  return readout;
}

std::optional<Readout> PolePlot::overlayReadoutAt(QPointF pixel) const {
  double least = reach * theme().scale();
  std::optional<Readout> readout;
  for (const PoleOverlay& overlay : m_overlays) {
    for (const auto& pole : overlay.poles) {
      const QPointF apart = placed(pole) - pixel;
      const double distance = std::hypot(apart.x(), apart.y());
      if (!isDrawn(pole) || distance > least) continue;
      least = distance;
      readout.emplace();
      readout->crosshair = false;
      readout->lines.push_back({tr("method"), overlay.name});
      addPlace(*readout, pole);
    }
  }
  return readout;
}

std::optional<QPointF> PolePlot::steppedFrom(std::optional<QPointF> pixel, int steps) const {
  std::vector<size_t> drawn;
  for (size_t i = 0; i < m_poles.size(); ++i) {
    if (isDrawn(m_poles[i])) drawn.push_back(i);
  }
  if (drawn.empty()) return std::nullopt;
  if (!pixel) return placed(m_poles[drawn.front()]);
  const auto at = std::find(drawn.begin(), drawn.end(), static_cast<size_t>(std::max(0, m_hovered))) - drawn.begin();
  const auto count = static_cast<ptrdiff_t>(drawn.size());
  return placed(m_poles[drawn[static_cast<size_t>((((at + steps) % count) + count) % count)]]);
}

QString PolePlot::summary() const {
  double radius = 0;
  for (const auto& pole : m_poles) radius = std::max(radius, std::abs(pole));
  QString text = tr("%1 poles, largest radius %2").arg(m_poles.size()).arg(number(radius, 6));
  if (const int unstable = unstableCount()) text += tr(", %1 unstable").arg(unstable);
  return text;
}

DataTable PolePlot::table() const {
  std::vector<double> re, im, radius, angle, decay;
  for (const auto& pole : m_poles) {
    re.push_back(pole.real());
    im.push_back(pole.imag());
    radius.push_back(std::abs(pole));
    angle.push_back(std::arg(pole));
    decay.push_back(-1 / std::log(std::abs(pole)));
  }
  DataTable table;
  table.add(tr("Re λ"), std::move(re));
  table.add(tr("Im λ"), std::move(im));
  table.add(tr("radius"), std::move(radius));
  table.add(tr("angle (rad/token)"), std::move(angle));
  table.add(tr("decay time (tokens)"), std::move(decay));
  table.add(tr("|residue|"), m_sizes);
  for (const PoleOverlay& overlay : m_overlays) {
    std::vector<double> real, imaginary;
    for (const auto& pole : overlay.poles) {
      real.push_back(pole.real());
      imaginary.push_back(pole.imag());
    }
    if (real.empty()) continue;
    table.add(tr("%1: Re λ").arg(overlay.name), std::move(real));
    table.add(tr("%1: Im λ").arg(overlay.name), std::move(imaginary));
  }
  return table;
}

}  // namespace widgets
