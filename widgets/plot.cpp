#include "widgets/plot.h"

#include <QAccessible>
#include <algorithm>
#include <cmath>

#include "widgets/accessibleplot.h"
#include "widgets/format.h"
#include "widgets/plotstate.h"

namespace widgets {
namespace {

QString withUnit(const QString& title, const QString& unit) {
  return unit.isEmpty() ? title : title + QStringLiteral("  (") + unit + u')';
}

void connectShared(QCPAxis* from, QCPAxis* to) {
  QObject::connect(from, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), to,
                   qOverload<const QCPRange&>(&QCPAxis::setRange));
}

}  // namespace

Plot::Plot(const QString& name, QWidget* parent) : QWidget(parent), m_parts(std::make_unique<Parts>()) {
  installPlotAccessibility();
  m_parts->name = name;
  setFocusPolicy(Qt::StrongFocus);
  setMouseTracking(true);
  setAccessibleName(name);
  setContextMenuPolicy(Qt::ActionsContextMenu);
  buildCanvas(name);
  buildActions();
  restyle(applicationTheme());
}

Plot::~Plot() = default;

void Plot::buildCanvas(const QString& name) {
  Parts& p = *m_parts;
  p.canvas = new QCustomPlot(this);
  p.canvas->setAttribute(Qt::WA_TransparentForMouseEvents);  // gestures belong to the plot as a whole
  p.canvas->setFocusPolicy(Qt::NoFocus);
  p.canvas->setNoAntialiasingOnDrag(false);
  p.canvas->setAutoAddPlottableToLegend(false);
  p.canvas->setPlottingHint(QCP::phFastPolylines);
  // Plots that change together are painted together, in one pass over the window.
  p.canvas->setPlottingHint(QCP::phImmediateRefresh, false);
  for (const char* layer : {"handles", "cursor"}) {
    p.canvas->addLayer(QString::fromLatin1(layer));
    p.canvas->layer(QString::fromLatin1(layer))->setMode(QCPLayer::lmBuffered);
  }
  p.main = p.canvas->axisRect();
  p.margins = new QCPMarginGroup(p.canvas);
  p.main->setMarginGroup(QCP::msLeft | QCP::msRight, p.margins);

  p.header = new PlotHeader(p.canvas);
  p.header->setTitle(name);
  p.footer = new PlotFooter(p.canvas);
  p.canvas->plotLayout()->setRowSpacing(0);
  p.canvas->plotLayout()->insertRow(0);
  p.canvas->plotLayout()->addElement(0, 0, p.header);
  p.canvas->plotLayout()->addElement(2, 0, p.footer);

  new PaintLayer(p.canvas, QStringLiteral("overlay"), [this](QCPPainter& painter) { drawDecorations(painter); });
  new PaintLayer(p.canvas, QStringLiteral("cursor"), [this](QCPPainter& painter) { drawCursor(painter); });
  connect(p.canvas, &QCustomPlot::afterLayout, this, [this] {
    m_parts->fitTitles();
    resample();
  });
  connect(p.x(), qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this, [this](const QCPRange& range) {
    Q_EMIT xRangeChanged({range.lower, range.upper});
  });
}

QCustomPlot* Plot::canvas() const {
  return m_parts->canvas;
}
QCPAxisRect* Plot::mainRect() const {
  return m_parts->main;
}
QCPAxis* Plot::xAxis() const {
  return m_parts->x();
}
QCPAxis* Plot::yAxis() const {
  return m_parts->y();
}
bool Plot::isFitted() const {
  return m_parts->fitted;
}
bool Plot::isExporting() const {
  return m_parts->exporting;
}
QString Plot::title() const {
  return m_parts->header->title();
}
QString Plot::provenance() const {
  return m_parts->footer->text();
}
bool Plot::logX() const {
  return m_parts->logX;
}
bool Plot::logY() const {
  return m_parts->logY;
}
const Theme& Plot::theme() const {
  return m_parts->theme;
}

QCPAxisRect* Plot::addRectBelow(double share) {
  Parts& p = *m_parts;
  auto* rect = new QCPAxisRect(p.canvas);
  for (QCPAxis* axis : rect->axes()) {
    axis->setLayer(QStringLiteral("axes"));
    axis->grid()->setLayer(QStringLiteral("grid"));
  }
  rect->setMarginGroup(QCP::msLeft | QCP::msRight, p.margins);
  rect->setVisible(false);
  QCPAxis* x = rect->axis(QCPAxis::atBottom);
  connectShared(p.x(), x);
  connectShared(x, p.x());
  p.below = rect;
  p.shareBelow = share;
  restyle(p.theme);
  setRectBelowShown(true);
  return rect;
}

void Plot::setRectBelowShown(bool shown) {
  Parts& p = *m_parts;
  if (shown == p.below->visible()) return;
  QCPLayoutGrid* layout = p.canvas->plotLayout();
  QCPAxis* x = p.below->axis(QCPAxis::atBottom);
  if (shown) {
    layout->insertRow(2);
    layout->addElement(2, 0, p.below);
    layout->setRowStretchFactor(1, 1 - p.shareBelow);
    layout->setRowStretchFactor(2, p.shareBelow);
    x->setLabel(p.x()->label());
    p.x()->setLabel({});
  } else {
    layout->take(p.below);
    layout->simplify();
    p.x()->setLabel(x->label());
    x->setLabel({});
  }
  p.x()->setTickLabels(!shown);
  p.below->setVisible(shown);
}

void Plot::setTitle(const QString& title) {
  m_parts->header->setTitle(title);
  setAccessibleName(title.isEmpty() ? m_parts->name : title);
  refresh();
}

void Plot::setProvenance(const QString& text) {
  m_parts->footer->setText(text);
}

void Plot::setEmptyText(const QString& text) {
  m_parts->emptyText = text;
  refresh();
}

void Plot::setAxisTitles(const QString& x, const QString& xUnit, const QString& y, const QString& yUnit) {
  const Parts& p = *m_parts;
  const bool atFoot = p.below && p.below->visible();
  p.x()->setLabel(atFoot ? QString() : withUnit(x, xUnit));
  if (p.below) p.below->axis(QCPAxis::atBottom)->setLabel(atFoot ? withUnit(x, xUnit) : QString());
  m_parts->y()->setLabel(withUnit(y, yUnit));
}

void Plot::setLegend(std::vector<LegendEntry> entries) {
  m_parts->header->setLegend(std::move(entries));
}

void Plot::setMarkedFloor(std::optional<double> floor) {
  m_parts->floor = floor;
}

void Plot::setLogAllowed(bool x, bool y) {
  m_hasLogX = x;
  m_hasLogY = y;
  m_parts->logXAction->setEnabled(x);
  m_parts->logYAction->setEnabled(y);
  if (!x) m_parts->logX = false;
  if (!y) m_parts->logY = false;
  m_parts->logXAction->setChecked(m_parts->logX);
  m_parts->logYAction->setChecked(m_parts->logY);
  applyScaleTypes();
}

void Plot::setLogX(bool on) {
  if (on == m_parts->logX || (on && !m_hasLogX)) return;
  m_parts->logX = on;
  m_parts->logXAction->setChecked(on);
  applyScaleTypes();
  fit();
  Q_EMIT scalesChanged();
}

void Plot::setLogY(bool on) {
  if (on == m_parts->logY || (on && !m_hasLogY)) return;
  m_parts->logY = on;
  m_parts->logYAction->setChecked(on);
  applyScaleTypes();
  fit();
  Q_EMIT scalesChanged();
}

void Plot::applyScaleTypes() {
  for (QCPAxisRect* rect : m_parts->rects()) {
    rect->axis(QCPAxis::atBottom)->setScaleType(m_parts->logX ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
  }
  m_parts->y()->setScaleType(m_parts->logY ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
  scaleTypesChanged();
}

Range Plot::xRange() const {
  return {m_parts->x()->range().lower, m_parts->x()->range().upper};
}
Range Plot::yRange() const {
  return {m_parts->y()->range().lower, m_parts->y()->range().upper};
}

void Plot::setXRange(Range range) {
  if (!QCPRange::validRange(range.low, range.high)) return;
  m_parts->fitted = false;
  m_parts->x()->setRange(range.low, range.high);
  refresh();
}

void Plot::setYRange(Range range) {
  if (!QCPRange::validRange(range.low, range.high)) return;
  m_parts->fitted = false;
  m_parts->y()->setRange(range.low, range.high);
  refresh();
}

void Plot::fit() {
  m_parts->fitted = true;
  refresh();
}

void Plot::refresh() {
  m_parts->main->setVisible(!isEmpty());  // axes without data would tell lies
  if (!isEmpty() && m_parts->fitted) fitRanges();
  m_parts->canvas->replot(QCustomPlot::rpQueuedReplot);
  updateReadout();
}

void Plot::setTheme(const Theme& theme) {
  if (theme == m_parts->theme) return;
  restyle(theme);
  refresh();
}

void Plot::restyle(const Theme& theme) {
  Parts& p = *m_parts;
  p.theme = theme;
  p.canvas->setBackground(theme.colour(Role::Surface));
  p.header->setTheme(theme);
  p.footer->setTheme(theme);
  const int pad = theme.space(3);
  p.canvas->plotLayout()->setMargins(QMargins(pad, theme.space(2), pad, theme.space(2)));
  for (QCPAxisRect* rect : p.rects()) {
    rect->setMinimumMargins(QMargins(0, theme.space(1), theme.space(2), 0));
    rect->setMinimumSize(40, 24);
    rect->setupFullAxesBox(false);
    for (QCPAxis* axis : rect->axes()) {
      const bool shown = axis->axisType() == QCPAxis::atLeft || axis->axisType() == QCPAxis::atBottom;
      axis->setVisible(shown);
      axis->grid()->setVisible(shown);
      styleAxis(axis, theme);
    }
  }
  themeChanged();
}

QPointF Plot::pixelAt(double x, double y) const {
  return {m_parts->x()->coordToPixel(x), m_parts->y()->coordToPixel(y)};
}

QPointF Plot::coordinatesAt(QPointF pixel) const {
  return {m_parts->x()->pixelToCoord(pixel.x()), m_parts->y()->pixelToCoord(pixel.y())};
}

bool Plot::event(QEvent* event) {
  if (event->type() == themeChangeEvent()) {
    setTheme(applicationTheme());
    return true;
  }
  return QWidget::event(event);
}

void Plot::resizeEvent(QResizeEvent*) {
  m_parts->canvas->setGeometry(rect());
  m_parts->layOut(size());
  refresh();
}

QString Plot::valueText() const {
  if (!m_parts->readout) return isEmpty() ? m_parts->emptyText : summary();
  QStringList parts;
  for (const Readout::Line& line : m_parts->readout->lines) {
    parts << (line.label.isEmpty() ? line.value : line.label + u' ' + line.value);
  }
  return parts.join(QStringLiteral(", "));
}

void Plot::drawDecorations(QPainter& painter) const {
  const Parts& p = *m_parts;
  const QRectF area(p.main->rect());
  if (isEmpty()) {
    const QRectF all(p.canvas->viewport().left(), p.area().top(), p.canvas->viewport().width(), p.area().height());
    painter.setFont(p.theme.font(TextSize::Body));
    painter.setPen(p.theme.colour(Role::MutedText));
    painter.drawText(all.adjusted(p.theme.space(4), 0, -p.theme.space(4), 0), Qt::AlignCenter | Qt::TextWordWrap,
                     p.emptyText);
    return;
  }
  if (!p.logY || !p.floor) return;
  const double y = p.y()->coordToPixel(*p.floor);
  if (y < area.top() || y > area.bottom()) return;
  painter.setPen(QPen(p.theme.colour(Role::MutedText), p.theme.scale(), Qt::DotLine));
  painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y));
  drawLineLabel(painter, p.theme, area, y, tr("floor: %1 or less, or zero").arg(number(*p.floor, 2)));
}

}  // namespace widgets
