#include "widgets/hankelplot.h"

#include <QKeyEvent>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "widgets/curve.h"
#include "widgets/format.h"
#include "widgets/plotparts.h"

namespace widgets {
namespace {

constexpr double floorRelative = 1e-14;
constexpr double reach = 7;  // pixels within which a line or a point is meant

}  // namespace

HankelPlot::HankelPlot(QWidget* parent) : Plot(tr("Hankel singular values"), parent) {
  m_certificate = std::make_unique<Curve>(xAxis(), yAxis(), Role::Certificate);
  m_bound = std::make_unique<Curve>(xAxis(), yAxis(), Role::Bound);
  m_overlays = std::make_unique<OverlayCurves>(xAxis(), yAxis());
  m_errors = std::make_unique<Curve>(xAxis(), yAxis(), Role::Distilled);
  m_certificate->setDotSpacing(0);
  m_bound->setDotSpacing(0);
  new PaintLayer(canvas(), QStringLiteral("grid"), [this](QCPPainter& painter) { drawCertificate(painter); });
  new PaintLayer(canvas(), QStringLiteral("main"), [this](QCPPainter& painter) { drawStems(painter); });
  new PaintLayer(canvas(), QStringLiteral("overlay"), [this](QCPPainter& painter) { drawSuggestions(painter); });
  new PaintLayer(canvas(), QStringLiteral("handles"), [this](QCPPainter& painter) { drawOrderLine(painter); });
  setLogAllowed(false, true);
  setLogY(true);
  setAxisTitles(tr("order d"), tr("real states"), tr("σ / σ₁, error"), {});
  setEmptyText(tr("Select a filter to see how many states it needs."));
  scaleTypesChanged();
  themeChanged();
}

HankelPlot::~HankelPlot() = default;

double HankelPlot::floorOfValues() {
  return floorRelative;
}

void HankelPlot::setSingularValues(std::vector<double> values, bool converged) {
  m_values = std::move(values);
  m_converged = converged;
  const double largest = m_values.empty() ? 0 : m_values.front();
  m_relative.resize(m_values.size());
  std::transform(m_values.begin(), m_values.end(), m_relative.begin(),
                 [largest](double v) { return largest > 0 ? v / largest : 0.0; });
  updateLegend();
  refresh();
}

void HankelPlot::setErrors(std::vector<double> byOrder) {
  m_errors->setSamples(std::move(byOrder));
  updateLegend();
  refresh();
}

void HankelPlot::setCertificate(std::vector<double> byOrder) {
  m_certificate->setSamples(std::move(byOrder));
  updateLegend();
  refresh();
}

void HankelPlot::setTwiceTailSum(std::vector<double> byOrder) {
  m_bound->setSamples(std::move(byOrder));
  updateLegend();
  refresh();
}

void HankelPlot::setOverlays(std::vector<Overlay> errorsByOrder) {
  m_overlays->set(std::move(errorsByOrder), 0, 1, theme());
  updateLegend();
  refresh();
}

void HankelPlot::setSuggestedOrders(std::vector<SuggestedOrder> suggestions) {
  m_suggestions = std::move(suggestions);
  refresh();
}

void HankelPlot::setOrderRange(int least, int most, int step) {
  m_least = std::max(0, least);
  m_most = std::max(m_least, most);
  m_step = std::max(1, step);
  m_order = snapped(m_order);
  refresh();
}

void HankelPlot::setOrder(int order) {
  moveTo(snapped(order));
}

void HankelPlot::setOrderRemark(int order, const QString& words) {
  m_remarkedOrder = order;
  m_orderRemark = words;
  canvas()->layer(QStringLiteral("handles"))->replot();
}

bool HankelPlot::moveTo(int order) {
  if (order == m_order) return false;
  m_order = order;
  canvas()->layer(QStringLiteral("handles"))->replot();
  return true;
}

int HankelPlot::snapped(double order) const {
  const double steps = std::round((std::clamp(order, double(m_least), double(m_most)) - m_least) / m_step);
  const int last = (m_most - m_least) / m_step;
  return m_least + m_step * std::clamp(static_cast<int>(steps), 0, last);
}

int HankelPlot::orderAt(QPointF pixel) const {
  return snapped(xAxis()->pixelToCoord(pixel.x()));
}

bool HankelPlot::isOnLine(QPointF pixel) const {
  const QRectF area(mainRect()->rect());
  const double x = xAxis()->coordToPixel(m_order);
  return std::abs(pixel.x() - x) <= reach * theme().scale() && area.adjusted(-reach, 0, reach, 0).contains(pixel);
}

std::optional<double> HankelPlot::valueAt(const Curve& curve, int order) const {
  if (order < 0 || static_cast<size_t>(order) >= curve.size()) return std::nullopt;
  const double value = curve.values()[static_cast<size_t>(order)];
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::optional<int> HankelPlot::pointAt(QPointF pixel) const {
  const int order = orderAt(pixel);
  const double x = xAxis()->coordToPixel(order);
  const auto near = [&](double y) {
    return std::hypot(pixel.x() - x, pixel.y() - yAxis()->coordToPixel(y)) <= reach * theme().scale();
  };
  if (order >= 1 && static_cast<size_t>(order) <= m_relative.size() &&
      !std::isnan(m_relative[static_cast<size_t>(order) - 1]) &&
      near(std::max(floorRelative, m_relative[static_cast<size_t>(order) - 1]))) {
    return order;
  }
  const auto error = valueAt(*m_errors, order);
  if (error && near(std::max(floorRelative, *error))) return order;
  const bool onTick = std::abs(pixel.x() - x) <= reach && pixel.y() > mainRect()->bottom() - 2 * reach &&
                      std::any_of(m_suggestions.begin(), m_suggestions.end(),
                                  [order](const SuggestedOrder& s) { return s.order == order; });
  return onTick ? std::optional(order) : std::nullopt;
}

bool HankelPlot::beginDrag(QPointF pixel) {
  m_orderAtPress = m_order;
  if (isOnLine(pixel)) return true;
  const std::optional<int> point = pointAt(pixel);
  if (!point) return false;
  if (moveTo(*point)) Q_EMIT orderMoved(m_order);
  return true;
}

void HankelPlot::dragTo(QPointF pixel) {
  if (moveTo(orderAt(pixel))) Q_EMIT orderMoved(m_order);
}

void HankelPlot::endDrag(QPointF pixel) {
  Q_UNUSED(pixel)  // the last move put the line where it is: a release a pixel off must not shift it
  if (m_order != m_orderAtPress) Q_EMIT orderChosen(m_order);
}

Qt::CursorShape HankelPlot::pointerAt(QPointF pixel) const {
  if (isOnLine(pixel)) return Qt::SplitHCursor;
  return pointAt(pixel) ? Qt::PointingHandCursor : Qt::ArrowCursor;
}

void HankelPlot::keyPressEvent(QKeyEvent* event) {
  const int steps = event->modifiers().testFlag(Qt::ShiftModifier) ? 4 * m_step : m_step;
  int target = m_order;
  switch (event->key()) {
    case Qt::Key_Left:
    case Qt::Key_Down:
      target -= steps;
      break;
    case Qt::Key_Right:
    case Qt::Key_Up:
      target += steps;
      break;
    case Qt::Key_PageDown:
      target -= 8 * m_step;
      break;
    case Qt::Key_PageUp:
      target += 8 * m_step;
      break;
    case Qt::Key_Home:
      target = m_least;
      break;
    case Qt::Key_End:
      target = m_most;
      break;
    default:
      return Plot::keyPressEvent(event);
  }
  if (isEmpty() || !moveTo(snapped(target))) return;
  Q_EMIT orderMoved(m_order);
  Q_EMIT orderChosen(m_order);
}

void HankelPlot::updateLegend() {
  std::vector<LegendEntry> entries;
  if (!m_values.empty()) {
    entries.push_back({m_converged ? tr("σ") : tr("σ (converging)"), Role::Original, LegendEntry::Sample::Dots});
  }
  if (!m_errors->empty()) entries.push_back({tr("error"), Role::Distilled, LegendEntry::Sample::Line});
  if (!m_bound->empty()) entries.push_back({tr("2 × tail sum"), Role::Bound, LegendEntry::Sample::Line});
  if (!m_certificate->empty()) {
    entries.push_back({tr("out of reach"), Role::Certificate, LegendEntry::Sample::Area});
  }
  m_overlays->addTo(entries);
  setLegend(std::move(entries));
}

void HankelPlot::scaleTypesChanged() {
  if (!m_errors) return;
  useTicker(xAxis(), Ticks::Integers, 8);
  useTicker(yAxis(), Ticks::Numbers, 6);
  for (Curve* curve : {m_errors.get(), m_certificate.get(), m_bound.get()}) {
    curve->setMagnitudeFloor(logY() ? floorRelative : 0);
  }
  m_overlays->setMagnitudeFloor(logY() ? floorRelative : 0);
}

void HankelPlot::themeChanged() {
  if (!m_errors) return;
  for (Curve* curve : {m_errors.get(), m_certificate.get(), m_bound.get()}) curve->setTheme(theme());
  m_overlays->setTheme(theme());
}

void HankelPlot::fitRanges() {
  const double last = std::max(4.0, std::min<double>(m_most, static_cast<double>(m_values.size())));
  xAxis()->setRange(-0.02 * last, 1.03 * last);
  double low = std::numeric_limits<double>::infinity();
  double high = 0;
  const auto take = [&](std::span<const double> values, size_t count) {
    for (size_t i = 0; i < std::min(values.size(), count); ++i) {
      if (!std::isfinite(values[i])) continue;
      high = std::max(high, values[i]);
      if (values[i] > floorRelative) low = std::min(low, values[i]);
    }
  };
  const auto shown = static_cast<size_t>(last);
  take(m_relative, shown);
  take(m_errors->values(), shown + 1);
  take(m_certificate->values(), shown + 1);
  // An upper bound above the whole norm says nothing, and showing it would flatten what does.
  std::vector<double> bound(m_bound->values().begin(), m_bound->values().end());
  std::erase_if(bound, [](double value) { return value > 1; });
  take(bound, bound.size());
  for (size_t i = 0; i < m_overlays->size(); ++i) take((*m_overlays)[i].values(), shown + 1);
  if (!(high > 0)) high = 1;
  const bool floored =
      std::any_of(m_relative.begin(), m_relative.begin() + static_cast<ptrdiff_t>(std::min(shown, m_relative.size())),
                  [](double v) { return v <= floorRelative; });
  setMarkedFloor(floored ? std::optional(floorRelative) : std::nullopt);
  low = floored ? floorRelative * 0.3 : std::min(low * 0.4, high * 0.1);
  yAxis()->setRange(logY() ? QCPRange(low, high * 6) : QCPRange(-0.03 * high, high * 1.15));
}

void HankelPlot::resample() {
  if (!m_errors) return;
  for (Curve* curve : {m_errors.get(), m_certificate.get(), m_bound.get()}) curve->resample();
  m_overlays->resample();
}

std::optional<Readout> HankelPlot::readoutAt(QPointF pixel) const {
  const int order = static_cast<int>(std::lround(std::clamp(xAxis()->pixelToCoord(pixel.x()), 0.0, 1e6)));
  const double x = xAxis()->coordToPixel(order);
  if (x < mainRect()->left() - 1 || x > mainRect()->right() + 1) return std::nullopt;
  Readout readout;
  readout.lines.push_back({tr("order"), QString::number(order)});
  if (order >= 1 && static_cast<size_t>(order) <= m_values.size() &&
      !std::isnan(m_values[static_cast<size_t>(order) - 1])) {
    const auto index = static_cast<size_t>(order) - 1;
    readout.marks.push_back({{x, yAxis()->coordToPixel(std::max(floorRelative, m_relative[index]))}, Role::Original});
    readout.lines.push_back({tr("σ"), number(m_values[index])});
  }
  const auto error = valueAt(*m_errors, order);
  if (error) {
    readout.marks.push_back({{x, yAxis()->coordToPixel(std::max(floorRelative, *error))}, Role::Distilled});
    readout.lines.push_back({tr("error"), number(*error)});
  }
  const auto least = valueAt(*m_certificate, order);
  if (least) readout.lines.push_back({tr("at least"), number(*least)});
  if (error && least && *least > 0) readout.lines.push_back({tr("error / least"), ratio(*error / *least)});
  if (const auto most = valueAt(*m_bound, order)) readout.lines.push_back({tr("2 × tail sum"), number(*most)});
  m_overlays->addTo(readout, static_cast<size_t>(order));
  for (const SuggestedOrder& suggestion : m_suggestions) {
    if (suggestion.order == order) readout.lines.push_back({tr("suggested"), suggestion.reason});
  }
  return readout;
}

QString HankelPlot::summary() const {
  QString text = tr("order %1").arg(m_order);
  if (const auto error = valueAt(*m_errors, m_order)) text += tr(", error %1").arg(number(*error));
  if (const auto least = valueAt(*m_certificate, m_order))
    text += tr(", at least %1 for any model").arg(number(*least));
  return text;
}

DataTable HankelPlot::table() const {
  const size_t rows = std::max({m_values.size() + 1, m_errors->size(), m_certificate->size(), m_bound->size()});
  DataTable table;
  std::vector<double> orders(rows);
  for (size_t i = 0; i < rows; ++i) orders[i] = static_cast<double>(i);
  table.add(tr("order (real states)"), std::move(orders));
  std::vector<double> values{std::numeric_limits<double>::quiet_NaN()};  // there is no sigma of order 0
  values.insert(values.end(), m_values.begin(), m_values.end());
  table.add(tr("Hankel singular value"), std::move(values));
  const auto add = [&](const QString& header, const Curve& curve) {
    if (!curve.empty()) table.add(header, {curve.values().begin(), curve.values().end()});
  };
  add(tr("error (relative l2)"), *m_errors);
  add(tr("certificate (relative l2)"), *m_certificate);
  add(tr("2 x tail sum (relative l2)"), *m_bound);
  m_overlays->addTo(table, tr("error (relative l2)"));
  return table;
}

}  // namespace widgets
