#include "widgets/signalplot.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "widgets/curve.h"
#include "widgets/format.h"
#include "widgets/plotparts.h"

namespace widgets {
namespace {

constexpr double floorRelative = 1e-12;  // of the largest value: below it float64 taps are noise
constexpr double residualShare = 0.34;
constexpr double linesForStrip = 12;  // of text: a lower plot has no room for the residual

// Ranges that show low..high with a little air, and 0 where it is near.
QCPRange airy(double low, double high) {
  if (!(low <= high)) return {-1, 1};
  if (low == high) return {low - std::max(1e-12, std::abs(low)), high + std::max(1e-12, std::abs(high))};
  const double air = 0.06 * (high - low);
  return {low - air, high + air};
}

struct Smallest {
  double value = std::numeric_limits<double>::infinity();  // of those above the noise
  bool belowNoise = false;
};

Smallest smallest(std::span<const double> values, double noise) {
  Smallest result;
  for (const double value : values) {
    const double size = std::abs(value);
    if (size > noise) {
      result.value = std::min(result.value, size);
    } else {
      result.belowNoise = true;
    }
  }
  return result;
}

}  // namespace

SignalPlot::SignalPlot(QWidget* parent) : Plot(tr("Impulse response"), parent) {
  m_residualRect = addRectBelow(residualShare);
  QCPAxis* below = m_residualRect->axis(QCPAxis::atBottom);
  QCPAxis* residual = m_residualRect->axis(QCPAxis::atLeft);
  m_original = std::make_unique<Curve>(xAxis(), yAxis(), Role::Original);
  m_fit = std::make_unique<Curve>(xAxis(), yAxis(), Role::Distilled);
  m_overlays = std::make_unique<OverlayCurves>(xAxis(), yAxis());
  m_overlays->setLeftFloor(0.5);
  m_highlight = std::make_unique<Curve>(xAxis(), yAxis(), Role::Accent);
  m_residual = std::make_unique<Curve>(below, residual, Role::Residual);
  residual->setLabel(tr("h − ĥ"));
  for (Curve* curve : {m_original.get(), m_fit.get(), m_highlight.get(), m_residual.get()}) curve->setLeftFloor(0.5);
  new PaintLayer(canvas(), QStringLiteral("overlay"), [this](QCPPainter& painter) { drawNotes(painter); });
  setAxisTitles(tr("lag t"), tr("tokens"), tr("h[t]"), {});
  setRectBelowShown(false);
  setEmptyText(tr("Select a filter in the table to see its impulse response."));
  scaleTypesChanged();
  themeChanged();
}

SignalPlot::~SignalPlot() = default;

bool SignalPlot::isEmpty() const {
  return !m_original || m_original->empty();
}

void SignalPlot::setOriginal(std::vector<double> taps) {
  if (taps.empty()) {
    m_fit->setSamples({});
    m_overlays->set({}, 0, 1, theme());
    m_effectiveLength.reset();
  }
  m_highlight->setSamples({});
  m_original->setSamples(std::move(taps));
  measure();
  updateResidual();
}

void SignalPlot::setFit(std::vector<double> taps) {
  m_fit->setSamples(std::move(taps));
  updateResidual();
}

void SignalPlot::setHighlight(std::vector<double> taps, const QString& label) {
  if (taps.empty() && m_highlight->empty()) return;
  m_highlight->setSamples(std::move(taps));
  m_highlightLabel = label;
  updateFloors();
  updateLegend();
  refresh();
}

void SignalPlot::setOverlays(std::vector<Overlay> fits) {
  m_overlays->set(std::move(fits), 0, 1, theme());
  updateLegend();
  refresh();
}

void SignalPlot::setEffectiveLength(std::optional<double> samples) {
  m_effectiveLength = samples;
  refresh();
}

void SignalPlot::setResidualLog(bool on) {
  if (on == m_residualLog) return;
  m_residualLog = on;
  scaleTypesChanged();
  fit();
}

void SignalPlot::updateResidual() {
  const auto h = m_original->values();
  const auto fit = m_fit->values();
  std::vector<double> residual(std::min(h.size(), fit.size()));
  for (size_t i = 0; i < residual.size(); ++i) residual[i] = h[i] - fit[i];
  m_residual->setSamples(std::move(residual));
  showStrip();
  updateFloors();
  updateLegend();
  refresh();
}

// Without a fit, or where there is no room for two, all of it belongs to the impulse response.
void SignalPlot::showStrip() {
  const bool room = height() >= linesForStrip * QFontMetricsF(theme().font(TextSize::Caption)).height();
  const bool shown = !m_residual->empty() && room;
  if (shown == m_residualRect->visible()) return;
  setRectBelowShown(shown);
  updateLegend();
}

void SignalPlot::resizeEvent(QResizeEvent* event) {
  showStrip();
  Plot::resizeEvent(event);
}

void SignalPlot::updateLegend() {
  std::vector<LegendEntry> entries;
  if (!m_original->empty()) entries.push_back({tr("h original"), Role::Original, LegendEntry::Sample::Line});
  if (!m_fit->empty()) entries.push_back({tr("ĥ distilled"), Role::Distilled, LegendEntry::Sample::Line});
  if (m_residualRect->visible()) entries.push_back({tr("h − ĥ"), Role::Residual, LegendEntry::Sample::Line});
  if (!m_highlight->empty()) {
    entries.push_back(
        {m_highlightLabel.isEmpty() ? tr("mode") : m_highlightLabel, Role::Accent, LegendEntry::Sample::Line});
  }
  m_overlays->addTo(entries);
  setLegend(std::move(entries));
}

// Zeros, and what is lost in rounding, lie on a floor just below the smallest value that can be told.
void SignalPlot::measure() {
  m_noise = std::max(floorRelative * m_original->largestMagnitude(), std::numeric_limits<double>::min());
  const Smallest h = smallest(m_original->values(), m_noise);
  m_floor = std::isfinite(h.value) ? std::max(m_noise, 0.3 * h.value) : m_noise;
  m_isFloored = h.belowNoise;
}

void SignalPlot::updateFloors() {
  setMarkedFloor(logY() && m_isFloored ? std::optional(m_floor) : std::nullopt);
  for (Curve* curve : {m_original.get(), m_fit.get(), m_highlight.get()})
    curve->setMagnitudeFloor(logY() ? m_floor : 0);
  m_overlays->setMagnitudeFloor(logY() ? m_floor : 0);
  m_residual->setMagnitudeFloor(m_residualLog ? m_noise : 0);
}

void SignalPlot::scaleTypesChanged() {
  if (!m_original) return;
  QCPAxis* residual = m_residualRect->axis(QCPAxis::atLeft);
  residual->setScaleType(m_residualLog ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
  useTicker(xAxis(), Ticks::Integers, 6);
  useTicker(yAxis(), Ticks::Numbers, 5);
  useTicker(m_residualRect->axis(QCPAxis::atBottom), Ticks::Integers, 6);
  useTicker(residual, Ticks::Numbers, 3);
  yAxis()->setLabel(logY() ? tr("|h[t]|") : tr("h[t]"));
  residual->setLabel(m_residualLog ? tr("|h − ĥ|") : tr("h − ĥ"));
  updateFloors();
}

void SignalPlot::themeChanged() {
  if (!m_original) return;
  for (Curve* curve : {m_original.get(), m_fit.get(), m_highlight.get(), m_residual.get()}) curve->setTheme(theme());
  m_overlays->setTheme(theme());
  showStrip();
}

void SignalPlot::fitRanges() {
  const double last = m_original->position(m_original->size() - 1);
  xAxis()->setRange(logX() ? QCPRange(0.5, std::max(2.0, last * 1.05))
                           : QCPRange(-0.01 * last - 0.5, last * 1.01 + 0.5));
  const double largest = m_original->largestMagnitude();
  if (logY()) {
    yAxis()->setRange(largest > 0 ? QCPRange(0.5 * m_floor, largest * 2) : QCPRange(0.1, 10));
  } else {
    Extent both = m_original->extent();
    const Extent fit = m_fit->extent();
    if (fit.low <= fit.high) both = {std::min(both.low, fit.low), std::max(both.high, fit.high)};
    yAxis()->setRange(airy(both.low, both.high));
  }
  QCPAxis* residual = m_residualRect->axis(QCPAxis::atLeft);
  const double worst = m_residual->largestMagnitude();
  if (m_residualLog) {
    residual->setRange(std::max(m_noise * 0.5, worst * 1e-5), std::max(worst * 3, m_noise * 10));
  } else {
    residual->setRange(worst > 0 ? QCPRange(-1.15 * worst, 1.15 * worst) : QCPRange(-1, 1));
  }
}

void SignalPlot::resample() {
  if (!m_original) return;
  for (Curve* curve : {m_original.get(), m_fit.get(), m_highlight.get(), m_residual.get()}) curve->resample();
  m_overlays->resample();
}

void SignalPlot::drawNotes(QPainter& painter) const {
  if (isEmpty()) return;
  const QRectF area(mainRect()->rect());
  if (m_effectiveLength) {
    const double x = xAxis()->coordToPixel(*m_effectiveLength);
    if (x > area.left() && x < area.right()) {
      painter.setPen(QPen(theme().colour(Role::MutedText), theme().scale(), Qt::DashLine));
      painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()));
      const QString text = tr("99.9 % of the energy: %1").arg(count(qRound64(*m_effectiveLength)));
      const QFont font = theme().font(TextSize::Caption);
      const double width = QFontMetricsF(font).horizontalAdvance(text);
      const bool right = x + width + theme().space(2) < area.right();
      painter.setFont(font);
      painter.setPen(theme().colour(Role::MutedText));
      // On the side of the axis where the tail of the filter is not.
      const double height = QFontMetricsF(font).height(), zero = yAxis()->coordToPixel(0);
      const bool above = logY() || zero - area.top() > area.bottom() - zero;
      painter.drawText(QRectF(right ? x + theme().space(1) : x - theme().space(1) - width,
                              above ? area.top() : area.bottom() - height - theme().space(1), width + 1, height),
                       Qt::AlignLeft | Qt::AlignTop, text);
    }
  }
  if (logX() && xAxis()->range().contains(0.5)) {
    painter.setFont(theme().font(TextSize::Caption));
    painter.setPen(theme().colour(Role::MutedText));
    const QRectF bottom(m_residualRect->visible() ? m_residualRect->rect() : mainRect()->rect());
    painter.drawText(
        QRectF(xAxis()->coordToPixel(0.5) - 40, bottom.bottom() + theme().space(1), 80, 20 * theme().scale()),
        Qt::AlignHCenter | Qt::AlignTop, tr("0"));
  }
}

std::optional<Readout> SignalPlot::readoutAt(QPointF pixel) const {
  const size_t lag = m_original->nearest(xAxis()->pixelToCoord(pixel.x()));
  const double x = xAxis()->coordToPixel(logX() ? std::max(0.5, m_original->position(lag)) : m_original->position(lag));
  if (x < mainRect()->left() - 1 || x > mainRect()->right() + 1) return std::nullopt;
  Readout readout;
  readout.lines.push_back({tr("t"), count(static_cast<qint64>(lag))});
  const auto add = [&](const Curve& curve, const QString& label, Role role, QCPAxis* axis) {
    if (lag >= curve.size()) return;
    if (axis->axisRect()->visible()) readout.marks.push_back({{x, axis->coordToPixel(curve.drawn(lag))}, role});
    readout.lines.push_back({label, number(curve.values()[lag])});
  };
  add(*m_original, tr("h"), Role::Original, yAxis());
  add(*m_fit, tr("ĥ"), Role::Distilled, yAxis());
  add(*m_residual, tr("h − ĥ"), Role::Residual, m_residualRect->axis(QCPAxis::atLeft));
  add(*m_highlight, m_highlightLabel.isEmpty() ? tr("mode") : m_highlightLabel, Role::Accent, yAxis());
  m_overlays->addTo(readout, lag);
  return readout;
}

std::optional<QPointF> SignalPlot::steppedFrom(std::optional<QPointF> pixel, int steps) const {
  if (isEmpty()) return std::nullopt;
  const double height = QRectF(mainRect()->rect()).center().y();
  const size_t from = m_original->nearest(pixel ? xAxis()->pixelToCoord(pixel->x()) : std::max(0.0, xRange().low));
  const double to =
      std::clamp(static_cast<double>(from) + (pixel ? steps : 0), 0.0, static_cast<double>(m_original->size() - 1));
  return QPointF(xAxis()->coordToPixel(logX() ? std::max(0.5, to) : to), pixel ? pixel->y() : height);
}

QString SignalPlot::summary() const {
  const Extent all = m_original->extent();
  QString text = tr("%1 taps from %2 to %3")
                     .arg(count(static_cast<qint64>(m_original->size())), number(all.low), number(all.high));
  if (!m_residual->empty()) text += tr(", largest residual %1").arg(number(m_residual->largestMagnitude()));
  return text;
}

DataTable SignalPlot::table() const {
  DataTable table;
  std::vector<double> lags(m_original->size());
  for (size_t i = 0; i < lags.size(); ++i) lags[i] = static_cast<double>(i);
  const auto values = [](const Curve& curve) {
    return std::vector<double>(curve.values().begin(), curve.values().end());
  };
  table.add(tr("lag (tokens)"), std::move(lags));
  table.add(tr("h original"), values(*m_original));
  if (!m_fit->empty()) table.add(tr("ĥ distilled"), values(*m_fit));
  if (!m_residual->empty()) table.add(tr("h − ĥ"), values(*m_residual));
  if (!m_highlight->empty())
    table.add(m_highlightLabel.isEmpty() ? tr("mode") : m_highlightLabel, values(*m_highlight));
  m_overlays->addTo(table, tr("ĥ"));
  return table;
}

}  // namespace widgets
