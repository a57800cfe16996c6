// Mouse, keys and cursor of a Plot.
#include <QAccessible>
#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <algorithm>
#include <cmath>
#include <utility>

#include "widgets/plotstate.h"

namespace widgets {
namespace {

constexpr double stepZoom = 0.8;  // one notch of the wheel

QRectF boxBetween(QPointF a, QPointF b, const QRectF& bounds) {
  return QRectF(a, b).normalized() & bounds;
}

void pan(QCPAxis* axis, double fromPixel, double toPixel) {
  const double from = axis->pixelToCoord(fromPixel);
  const double to = axis->pixelToCoord(toPixel);
  if (axis->scaleType() == QCPAxis::stLogarithmic) {
    if (to > 0 && from > 0) axis->setRange(axis->range().lower * from / to, axis->range().upper * from / to);
  } else {
    axis->moveRange(from - to);
  }
}

void zoomTo(QCPAxis* axis, double pixelA, double pixelB) {
  const double a = axis->pixelToCoord(pixelA);
  const double b = axis->pixelToCoord(pixelB);
  if (QCPRange::validRange(std::min(a, b), std::max(a, b))) axis->setRange(std::min(a, b), std::max(a, b));
}

}  // namespace

void Plot::buildActions() {
  const auto add = [this](const char* name, const QString& text, const QKeySequence& key, auto slot) {
    auto* action = new QAction(text, this);
    action->setObjectName(QString::fromLatin1(name));
    action->setShortcut(key);
    action->setShortcutContext(Qt::WidgetShortcut);
    connect(action, &QAction::triggered, this, slot);
    addAction(action);
    return action;
  };
  add("plot.fit", tr("Fit to data"), Qt::Key_F, [this] { fit(); });
  m_parts->logXAction = add("plot.logX", tr("Logarithmic x"), Qt::Key_X, [this](bool on) { setLogX(on); });
  m_parts->logYAction = add("plot.logY", tr("Logarithmic y"), Qt::Key_Y, [this](bool on) { setLogY(on); });
  m_parts->logXAction->setCheckable(true);
  m_parts->logYAction->setCheckable(true);
  add("plot.zoomIn", tr("Zoom in"), Qt::Key_Plus,
      [this] { zoom(QRectF(m_parts->main->rect()).center(), stepZoom, true, true); });
  add("plot.zoomOut", tr("Zoom out"), Qt::Key_Minus,
      [this] { zoom(QRectF(m_parts->main->rect()).center(), 1 / stepZoom, true, true); });
  add("plot.mark", tr("Mark the sample under the cursor"), Qt::Key_M, [this] { markAtCursor(); });
  add("plot.unmark", tr("Remove the marks"), Qt::SHIFT | Qt::Key_M, [this] { setMarks({}); });
  add("plot.table", tr("Show as table"), Qt::Key_T, [this] { showTable(); });
  add("plot.copy", tr("Copy picture"), QKeySequence::Copy, [this] { copyImage(); });
  add("plot.copyValues", tr("Copy values"), Qt::CTRL | Qt::SHIFT | Qt::Key_C, [this] {
    const QString marks = markText();
    QApplication::clipboard()->setText(marks.isEmpty() ? valueText() : marks);
  });
}

QCPAxisRect* Plot::rectAt(QPointF pixel, bool withAxes) const {
  for (QCPAxisRect* rect : m_parts->rects()) {
    if (rect->visible() && QRectF(withAxes ? rect->outerRect() : rect->rect()).contains(pixel)) return rect;
  }
  return nullptr;
}

void Plot::zoom(QPointF pixel, double factor, bool alongX, bool alongY) {
  QCPAxisRect* rect = rectAt(pixel, true);
  if (!rect || isEmpty()) return;
  m_parts->fitted = false;
  QCPAxis* x = rect->axis(QCPAxis::atBottom);
  QCPAxis* y = rect->axis(QCPAxis::atLeft);
  if (alongX) x->scaleRange(factor, x->pixelToCoord(pixel.x()));
  if (alongY) y->scaleRange(factor, y->pixelToCoord(pixel.y()));
  refresh();
}

void Plot::wheelEvent(QWheelEvent* event) {
  // Some platforms turn the wheel sideways while Alt or Shift is held.
  const double notches = (event->angleDelta().y() != 0 ? event->angleDelta().y() : event->angleDelta().x()) / 120.0;
  QCPAxisRect* rect = rectAt(event->position(), true);
  event->accept();
  if (!rect || notches == 0) return;
  const QRectF inner(rect->rect());
  const bool onX = event->position().y() > inner.bottom() || event->modifiers().testFlag(Qt::ControlModifier);
  const bool onY = event->position().x() < inner.left() || event->modifiers().testFlag(Qt::ShiftModifier);
  zoom(event->position(), std::pow(stepZoom, std::clamp(notches, -10.0, 10.0)), onX || !onY, onY || !onX);
}

void Plot::mousePressEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton || isEmpty()) return QWidget::mousePressEvent(event);
  Parts& p = *m_parts;
  p.pressed = p.last = event->position();
  if (beginDrag(event->position())) {
    p.gesture = Gesture::Grabbed;
    clearCursor();
    return;
  }
  p.gestureRect = rectAt(event->position(), false);
  if (!p.gestureRect) return;
  p.gesture = event->modifiers().testFlag(Qt::ShiftModifier) ? Gesture::Box : Gesture::Pan;
}

void Plot::mouseMoveEvent(QMouseEvent* event) {
  Parts& p = *m_parts;
  const QPointF at = event->position();
  switch (p.gesture) {
    case Gesture::None:
      moveCursor(at);
      setCursor(isEmpty() ? Qt::ArrowCursor : pointerAt(at));
      break;
    case Gesture::Grabbed:
      dragTo(at);
      break;
    case Gesture::Pan:
      if ((p.last - p.pressed).isNull() && (at - p.pressed).manhattanLength() < 3) return;  // a click is not a drag
      p.fitted = false;
      clearCursor();
      pan(p.gestureRect->axis(QCPAxis::atBottom), p.last.x(), at.x());
      pan(p.gestureRect->axis(QCPAxis::atLeft), p.last.y(), at.y());
      refresh();
      break;
    case Gesture::Box:
      p.canvas->layer(QStringLiteral("cursor"))->replot();
      break;
  }
  p.last = at;
}

void Plot::mouseReleaseEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton) return QWidget::mouseReleaseEvent(event);
  Parts& p = *m_parts;
  const Gesture gesture = std::exchange(p.gesture, Gesture::None);
  if (gesture == Gesture::Grabbed) endDrag(event->position());
  if (gesture == Gesture::Box) {
    const QRectF box = boxBetween(p.pressed, event->position(), p.gestureRect->rect());
    if (box.width() > 4 && box.height() > 4) {
      p.fitted = false;
      zoomTo(p.gestureRect->axis(QCPAxis::atBottom), box.left(), box.right());
      zoomTo(p.gestureRect->axis(QCPAxis::atLeft), box.top(), box.bottom());
    }
    refresh();
  }
}

void Plot::mouseDoubleClickEvent(QMouseEvent* event) {
  if (event->button() == Qt::LeftButton) fit();
}

void Plot::keyPressEvent(QKeyEvent* event) {
  const int steps = event->modifiers().testFlag(Qt::ShiftModifier) ? 10 : 1;
  std::optional<QPointF> next;
  switch (event->key()) {
    case Qt::Key_Left:
      next = steppedFrom(m_parts->cursor, -steps);
      break;
    case Qt::Key_Right:
      next = steppedFrom(m_parts->cursor, steps);
      break;
    case Qt::Key_Escape:
      if (!m_parts->cursor) return QWidget::keyPressEvent(event);
      return clearCursor();
    default:
      return QWidget::keyPressEvent(event);
  }
  if (next) moveCursor(*next);
}

std::optional<QPointF> Plot::steppedFrom(std::optional<QPointF>, int) const {
  return std::nullopt;
}

void Plot::moveCursor(QPointF pixel) {
  m_parts->cursor = pixel;
  updateReadout();
}

void Plot::clearCursor() {
  if (!m_parts->cursor) return;
  m_parts->cursor.reset();
  updateReadout();
}

void Plot::updateReadout() {
  Parts& p = *m_parts;
  const bool had = p.readout.has_value();
  p.readout.reset();
  if (p.cursor && !isEmpty() && rectAt(*p.cursor, false)) p.readout = readoutAt(*p.cursor);
  pointed(p.readout ? p.readout->item : -1);
  if (p.readout || had) p.canvas->layer(QStringLiteral("cursor"))->replot();
  const QString text = valueText();
  if (text == p.text) return;
  p.text = text;
  setAccessibleDescription(text);
  QAccessibleValueChangeEvent change(this, text);
  QAccessible::updateAccessibility(&change);
}

void Plot::leaveEvent(QEvent*) {
  if (m_parts->gesture == Gesture::None) clearCursor();
}

void Plot::focusInEvent(QFocusEvent* event) {
  QWidget::focusInEvent(event);
  m_parts->canvas->layer(QStringLiteral("cursor"))->replot();
}

void Plot::focusOutEvent(QFocusEvent* event) {
  QWidget::focusOutEvent(event);
  m_parts->canvas->layer(QStringLiteral("cursor"))->replot();
}

void Plot::drawCursor(QPainter& painter) const {
  const Parts& p = *m_parts;
  if (!isEmpty()) drawMarks(painter);
  if (p.exporting) return;
  if (hasFocus()) {
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(p.theme.colour(Role::Accent), 1.5 * p.theme.scale()));
    painter.drawRoundedRect(QRectF(rect()).adjusted(1, 1, -1, -1), 6, 6);
  }
  if (p.gesture == Gesture::Box) {
    QColor fill = p.theme.colour(Role::Accent);
    painter.setPen(fill);
    fill.setAlphaF(0.15F);
    painter.setBrush(fill);
    painter.drawRect(boxBetween(p.pressed, p.last, p.gestureRect->rect()));
  }
  if (p.readout) drawReadout(painter);
}

void Plot::drawReadout(QPainter& painter) const {
  const Parts& p = *m_parts;
  const Readout& readout = *p.readout;
  const QRectF bounds = p.area();
  const QPointF anchor = readout.marks.empty() ? *p.cursor : readout.marks.front().pixel;
  if (readout.crosshair) {
    painter.setPen(QPen(p.theme.colour(Role::Axis), p.theme.scale()));
    painter.drawLine(QPointF(anchor.x(), bounds.top()), QPointF(anchor.x(), bounds.bottom()));
  }
  for (const Readout::Mark& mark : readout.marks) {
    if (!bounds.adjusted(-1, -1, 1, 1).contains(mark.pixel)) continue;
    painter.setPen(QPen(p.theme.colour(Role::Surface), 2 * p.theme.scale()));
    painter.setBrush(p.theme.colour(mark.role));
    const double r = p.theme.markerSize() * 0.75;
    painter.drawEllipse(mark.pixel, r, r);
  }
  if (readout.lines.empty()) return;

  const QFont labelFont = p.theme.font(TextSize::Caption);
  const QFont valueFont = p.theme.figures(TextSize::Caption);
  const QFontMetricsF labels(labelFont);
  const QFontMetricsF values(valueFont);
  const double lineHeight = std::ceil(std::max(labels.height(), values.height())) + p.theme.scale();
  double labelWidth = 0;
  double valueWidth = 0;
  for (const Readout::Line& line : readout.lines) {
    labelWidth = std::max(labelWidth, labels.horizontalAdvance(line.label));
    valueWidth = std::max(valueWidth, values.horizontalAdvance(line.value));
  }
  const double gap = labelWidth > 0 ? p.theme.space(2) : 0;
  const double pad = p.theme.space(2);
  QRectF box(0, 0, labelWidth + gap + valueWidth + 2 * pad,
             lineHeight * static_cast<double>(readout.lines.size()) + 2 * p.theme.space(1));
  box.moveTopLeft(QPointF(anchor.x() + p.theme.space(3), p.cursor->y() - box.height() - p.theme.space(2)));
  if (box.right() > bounds.right()) box.moveRight(anchor.x() - p.theme.space(3));
  if (box.left() < bounds.left()) box.moveLeft(bounds.left());
  if (box.top() < bounds.top()) box.moveTop(bounds.top());
  if (box.bottom() > bounds.bottom()) box.moveBottom(bounds.bottom());

  QColor ground = p.theme.colour(Role::Raised);
  ground.setAlphaF(0.96F);
  painter.setBrush(ground);
  painter.setPen(QPen(p.theme.colour(Role::Border), p.theme.scale()));
  painter.drawRoundedRect(box, 6, 6);
  double y = box.top() + p.theme.space(1);
  for (const Readout::Line& line : readout.lines) {
    const QRectF row(box.left() + pad, y, box.width() - 2 * pad, lineHeight);
    painter.setFont(labelFont);
    painter.setPen(p.theme.colour(Role::MutedText));
    painter.drawText(row, Qt::AlignLeft | Qt::AlignVCenter, line.label);
    painter.setFont(valueFont);
    painter.setPen(p.theme.colour(Role::Text));
    painter.drawText(row, Qt::AlignRight | Qt::AlignVCenter, line.value);
    y += lineHeight;
  }
}

}  // namespace widgets
