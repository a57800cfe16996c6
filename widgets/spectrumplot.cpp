#include "widgets/spectrumplot.h"

#include <QAction>
#include <QGuiApplication>
#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "widgets/curve.h"
#include "widgets/format.h"
#include "widgets/plotparts.h"

namespace widgets {
namespace {

constexpr double pi = std::numbers::pi;
constexpr double shownDecibels = 120;  // below the peak; the floor of a spectrum is noise

double stepOf(size_t size) {
  return size > 1 ? pi / static_cast<double>(size - 1) : pi;
}

void give(Curve& curve, std::vector<double> values) {
  const double step = stepOf(values.size());
  curve.setSamples(std::move(values), 0, step);
  curve.setLeftFloor(step / 2);
}

}  // namespace

SpectrumPlot::SpectrumPlot(QWidget* parent) : Plot(tr("Frequency response"), parent) {
  m_residual = std::make_unique<Curve>(xAxis(), yAxis(), Role::Residual);
  for (Traces& traces : m_traces) {
    traces.original = std::make_unique<Curve>(xAxis(), yAxis(), Role::Original);
    traces.fit = std::make_unique<Curve>(xAxis(), yAxis(), Role::Distilled);
    traces.original->setDotSpacing(0);
    traces.fit->setDotSpacing(0);
  }
  m_residual->setDotSpacing(0);
  m_overlays = std::make_unique<OverlayCurves>(xAxis(), yAxis());
  m_overlays->setDotSpacing(0);
  new PaintLayer(canvas(), QStringLiteral("handles"), [this](QCPPainter& painter) { drawBand(painter); });
  setLogAllowed(true, false);
  setEmptyText(tr("Select a filter in the table to see its frequency response."));
  auto* next = new QAction(tr("Next quantity: magnitude, phase, group delay"), this);
  next->setObjectName(QStringLiteral("plot.quantity"));
  next->setShortcut(Qt::Key_Q);
  next->setShortcutContext(Qt::WidgetShortcut);
  connect(next, &QAction::triggered, this,
          [this] { setQuantity(static_cast<Quantity>((static_cast<int>(m_quantity) + 1) % 3)); });
  addAction(next);
  scaleTypesChanged();
  themeChanged();
}

SpectrumPlot::~SpectrumPlot() = default;

SpectrumPlot::Traces& SpectrumPlot::shown() {
  return m_traces[static_cast<size_t>(m_quantity)];
}
const SpectrumPlot::Traces& SpectrumPlot::shown() const {
  return m_traces[static_cast<size_t>(m_quantity)];
}

bool SpectrumPlot::isEmpty() const {
  return !shown().original || shown().original->empty();
}

void SpectrumPlot::setOriginal(FrequencyResponse response) {
  give(*m_traces[0].original, std::move(response.magnitudeDecibels));
  give(*m_traces[1].original, std::move(response.phaseRadians));
  give(*m_traces[2].original, std::move(response.groupDelaySamples));
  if (m_traces[0].original->empty()) {
    for (Traces& traces : m_traces) give(*traces.fit, {});
    give(*m_residual, {});
    m_overlays->set({}, 0, 1, theme());
  }
  updateLegend();
  refresh();
}

void SpectrumPlot::setFit(FrequencyResponse response) {
  give(*m_traces[0].fit, std::move(response.magnitudeDecibels));
  give(*m_traces[1].fit, std::move(response.phaseRadians));
  give(*m_traces[2].fit, std::move(response.groupDelaySamples));
  updateLegend();
  refresh();
}

void SpectrumPlot::setResidual(std::vector<double> magnitudeDecibels) {
  give(*m_residual, std::move(magnitudeDecibels));
  updateLegend();
  refresh();
}

void SpectrumPlot::setOverlays(std::vector<Overlay> magnitudesDecibels) {
  m_overlays->set(std::move(magnitudesDecibels), 0, stepOf(m_traces[0].original->size()), theme());
  updateLegend();
  refresh();
}

void SpectrumPlot::setBand(std::optional<std::pair<double, double>> band, const QString& words) {
  if (band == m_band && words == m_bandWords) return;
  m_band = band;
  m_bandWords = words;
  refresh();
}

double SpectrumPlot::frequencyAt(QPointF pixel) const {
  return std::clamp(xAxis()->pixelToCoord(pixel.x()), 0.0, pi);
}

bool SpectrumPlot::beginDrag(QPointF pixel) {
  if (!QGuiApplication::keyboardModifiers().testFlag(Qt::ControlModifier) ||
      !QRectF(mainRect()->rect()).contains(pixel))
    return false;
  m_drawn = {frequencyAt(pixel), frequencyAt(pixel)};
  return true;
}

void SpectrumPlot::dragTo(QPointF pixel) {
  m_drawn->second = frequencyAt(pixel);
  canvas()->layer(QStringLiteral("handles"))->replot();
}

void SpectrumPlot::endDrag(QPointF pixel) {
  m_drawn->second = frequencyAt(pixel);
  const auto [low, high] = std::minmax(m_drawn->first, m_drawn->second);
  const bool wide = high > low;
  const double from = low, to = high;
  m_drawn.reset();
  canvas()->layer(QStringLiteral("handles"))->replot();
  if (wide) Q_EMIT bandDrawn(from, to);
}

void SpectrumPlot::drawBand(QPainter& painter) const {
  if (isEmpty() || (!m_band && !m_drawn)) return;
  const QRectF area(mainRect()->rect());
  const auto [from, to] = m_drawn ? *m_drawn : *m_band;
  const double a = std::clamp(xAxis()->coordToPixel(std::min(from, to)), area.left(), area.right());
  const double b = std::clamp(xAxis()->coordToPixel(std::max(from, to)), area.left(), area.right());
  QColor shade = theme().colour(Role::Accent);
  shade.setAlphaF(0.1F);
  painter.fillRect(QRectF(a, area.top(), b - a, area.height()), shade);
  painter.setPen(QPen(theme().colour(Role::Accent), theme().scale()));
  for (const double edge : {a, b}) painter.drawLine(QPointF(edge, area.top()), QPointF(edge, area.bottom()));
  if (m_drawn || m_bandWords.isEmpty()) return;
  const QFont font = theme().font(TextSize::Caption, QFont::Medium);
  const QFontMetricsF metrics(font);
  const double width = metrics.horizontalAdvance(m_bandWords), gap = theme().space(1);
  const double left = std::clamp(a + gap, area.left() + gap, std::max(area.left() + gap, area.right() - width - gap));
  painter.setFont(font);
  painter.setPen(theme().colour(Role::Accent));
  painter.drawText(QRectF(left, area.bottom() - metrics.height() - gap, width + 1, metrics.height()), Qt::AlignLeft,
                   m_bandWords);
}

void SpectrumPlot::setQuantity(Quantity quantity) {
  if (quantity == m_quantity) return;
  m_quantity = quantity;
  scaleTypesChanged();
  updateLegend();
  fit();
}

void SpectrumPlot::updateLegend() {
  std::vector<LegendEntry> entries;
  if (!shown().original->empty()) entries.push_back({tr("H original"), Role::Original, LegendEntry::Sample::Line});
  if (!shown().fit->empty()) entries.push_back({tr("Ĥ distilled"), Role::Distilled, LegendEntry::Sample::Line});
  if (m_quantity == Quantity::Magnitude && !m_residual->empty()) {
    entries.push_back({tr("H − Ĥ"), Role::Residual, LegendEntry::Sample::Line});
  }
  if (m_quantity == Quantity::Magnitude) m_overlays->addTo(entries);
  setLegend(std::move(entries));
}

void SpectrumPlot::scaleTypesChanged() {
  if (!m_overlays) return;
  if (logX()) {
    useTicker(xAxis(), Ticks::Numbers, 6);
  } else {
    auto ticker = QSharedPointer<PiTicker>::create();
    ticker->setTickCount(6);
    xAxis()->setTicker(ticker);
  }
  useTicker(yAxis(), Ticks::Numbers, 5);
  switch (m_quantity) {
    case Quantity::Magnitude:
      setAxisTitles(tr("frequency ω"), tr("rad/token"), tr("|H(ω)|"), tr("dB"));
      break;
    case Quantity::Phase:
      setAxisTitles(tr("frequency ω"), tr("rad/token"), tr("arg H(ω)"), tr("rad"));
      break;
    case Quantity::GroupDelay:
      setAxisTitles(tr("frequency ω"), tr("rad/token"), tr("group delay"), tr("tokens"));
      break;
  }
  for (size_t i = 0; i < m_traces.size(); ++i) {
    m_traces[i].original->setVisible(i == static_cast<size_t>(m_quantity));
    m_traces[i].fit->setVisible(i == static_cast<size_t>(m_quantity));
  }
  m_residual->setVisible(m_quantity == Quantity::Magnitude);
  m_overlays->setVisible(m_quantity == Quantity::Magnitude);
}

void SpectrumPlot::themeChanged() {
  if (!m_overlays) return;
  for (Traces& traces : m_traces) {
    traces.original->setTheme(theme());
    traces.fit->setTheme(theme());
  }
  m_residual->setTheme(theme());
  m_overlays->setTheme(theme());
}

void SpectrumPlot::fitRanges() {
  const Curve& original = *shown().original;
  xAxis()->setRange(logX() ? QCPRange(stepOf(original.size()) / 2, pi) : QCPRange(0, pi));
  Extent all = original.extent();
  const Extent fit = shown().fit->extent();
  if (fit.low <= fit.high) all = {std::min(all.low, fit.low), std::max(all.high, fit.high)};
  if (!(all.low <= all.high)) all = {-1, 1};
  if (m_quantity == Quantity::Magnitude) {
    // The residual matters down to where it is heard: it may stretch the range, within reason.
    const Extent residual = m_residual->extent();
    if (residual.low <= residual.high) all.low = std::min(all.low, residual.high - 30);
    all.low = std::max(all.low, all.high - shownDecibels);
  }
  const double air = std::max(0.06 * (all.high - all.low), 1e-9 * std::max(1.0, std::abs(all.high)));
  yAxis()->setRange(all.low - air, all.high + air);
}

void SpectrumPlot::resample() {
  if (!m_overlays) return;
  shown().original->resample();
  shown().fit->resample();
  m_residual->resample();
  m_overlays->resample();
}

QString SpectrumPlot::valueWithUnit(double value) const {
  switch (m_quantity) {
    case Quantity::Magnitude:
      return tr("%1 dB").arg(number(value));
    case Quantity::Phase:
      return tr("%1 rad").arg(number(value));
    case Quantity::GroupDelay:
      break;
  }
  return tr("%1 tokens").arg(number(value));
}

std::optional<Readout> SpectrumPlot::readoutAt(QPointF pixel) const {
  const Curve& original = *shown().original;
  const size_t bin = original.nearest(xAxis()->pixelToCoord(pixel.x()));
  const double omega = original.position(bin);
  const double x = xAxis()->coordToPixel(logX() ? std::max(omega, original.position(1) / 2) : omega);
  if (x < mainRect()->left() - 1 || x > mainRect()->right() + 1) return std::nullopt;
  Readout readout;
  readout.lines.push_back({tr("ω"), tr("%1 π").arg(number(omega / pi))});
  readout.lines.push_back({tr("period"), omega > 0 ? tr("%1 tokens").arg(number(2 * pi / omega)) : number(INFINITY)});
  const auto add = [&](const Curve& curve, const QString& label, Role role) {
    if (curve.empty()) return;
    const double value = curve.values()[curve.nearest(omega)];
    readout.marks.push_back({{x, yAxis()->coordToPixel(value)}, role});
    readout.lines.push_back({label, valueWithUnit(value)});
  };
  add(original, tr("original"), Role::Original);
  add(*shown().fit, tr("distilled"), Role::Distilled);
  if (m_quantity == Quantity::Magnitude) {
    add(*m_residual, tr("residual"), Role::Residual);
    m_overlays->addTo(readout, bin);
  }
  return readout;
}

std::optional<QPointF> SpectrumPlot::steppedFrom(std::optional<QPointF> pixel, int steps) const {
  if (isEmpty()) return std::nullopt;
  const Curve& original = *shown().original;
  // A grid much finer than the screen is stepped by the pixel, so that a step is seen.
  const double perPixel = xAxis()->range().size() / std::max(1, mainRect()->width()) / stepOf(original.size());
  const double stride = std::max(1.0, std::round(perPixel));
  const size_t from = original.nearest(pixel ? xAxis()->pixelToCoord(pixel->x()) : std::max(0.0, xRange().low));
  const double to = std::clamp(static_cast<double>(from) + (pixel ? stride * steps : 0), logX() ? 1.0 : 0.0,
                               static_cast<double>(original.size() - 1));
  return QPointF(xAxis()->coordToPixel(original.position(static_cast<size_t>(to))),
                 pixel ? pixel->y() : QRectF(mainRect()->rect()).center().y());
}

QString SpectrumPlot::summary() const {
  const Curve& original = *shown().original;
  const auto values = original.values();
  const auto peak = static_cast<size_t>(std::max_element(values.begin(), values.end()) - values.begin());
  return tr("largest %1 at ω = %2 π").arg(valueWithUnit(values[peak]), number(original.position(peak) / pi));
}

DataTable SpectrumPlot::table() const {
  static const std::array<const char*, 3> headers = {"magnitude (dB)", "phase (rad)", "group delay (tokens)"};
  DataTable table;
  std::vector<double> frequencies(m_traces[0].original->size());
  for (size_t i = 0; i < frequencies.size(); ++i) frequencies[i] = m_traces[0].original->position(i);
  table.add(tr("frequency (rad/token)"), std::move(frequencies));
  const auto add = [&](const QString& header, const Curve& curve) {
    if (!curve.empty()) table.add(header, {curve.values().begin(), curve.values().end()});
  };
  for (size_t i = 0; i < m_traces.size(); ++i) {
    add(tr("original %1").arg(QLatin1String(headers[i])), *m_traces[i].original);
    add(tr("distilled %1").arg(QLatin1String(headers[i])), *m_traces[i].fit);
  }
  add(tr("residual magnitude (dB)"), *m_residual);
  m_overlays->addTo(table, tr("magnitude (dB)"));
  return table;
}

}  // namespace widgets
