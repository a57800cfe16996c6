#include "widgets/bignumber.h"

#include <QPainter>
#include <algorithm>
#include <cmath>

#include "widgets/format.h"

namespace widgets {
namespace {

double digitWidth(const QFontMetricsF& metrics) {
  double widest = 0;
  for (char16_t digit = u'0'; digit <= u'9'; ++digit)
    widest = std::max(widest, metrics.horizontalAdvance(QChar(digit)));
  return widest;
}

}  // namespace

double tabularWidth(const QFont& font, const QString& text) {
  const QFontMetricsF metrics(font);
  const double cell = digitWidth(metrics);
  double width = 0;
  for (const QChar letter : text) width += letter.isDigit() ? cell : metrics.horizontalAdvance(letter);
  return width;
}

void paintTabular(QPainter& painter, QPointF origin, const QString& text) {
  const QFontMetricsF metrics(painter.font());
  const double cell = digitWidth(metrics);
  for (const QChar letter : text) {
    const double own = metrics.horizontalAdvance(letter);
    const double width = letter.isDigit() ? cell : own;
    painter.drawText(origin + QPointF((width - own) / 2, 0), QString(letter));
    origin.rx() += width;
  }
}

BigNumber::BigNumber(const QString& caption, QWidget* parent)
    : QWidget(parent), m_caption(caption), m_text(QStringLiteral("–")) {
  setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
  told();
}

void BigNumber::told() {
  setAccessibleName(m_caption);
  QString spoken = m_unit.isEmpty() ? m_text : m_text + u' ' + m_unit;
  if (m_ratio) spoken += QStringLiteral(", ") + ratio(*m_ratio);
  setAccessibleDescription(spoken);
  update();
}

void BigNumber::setCaption(const QString& caption) {
  m_caption = caption;
  updateGeometry();
  told();
}

void BigNumber::setValue(std::optional<double> value, int digits) {
  setText(value ? number(*value, digits) : QStringLiteral("–"));
}

void BigNumber::setText(const QString& text) {
  if (text == m_text) return;
  // The least width follows the text, the preferred one only grows.
  const bool longer = text.size() != m_text.size();
  m_text = text;
  m_places = std::max(m_places, static_cast<int>(text.size()));
  if (longer) updateGeometry();
  told();
}

void BigNumber::setUnit(const QString& unit) {
  m_unit = unit;
  updateGeometry();
  told();
}

void BigNumber::setRatio(std::optional<double> ratio) {
  if (ratio == m_ratio) return;
  if (ratio.has_value() != m_ratio.has_value()) updateGeometry();
  m_ratio = ratio;
  told();
}

void BigNumber::setRole(std::optional<Role> role) {
  m_role = role;
  update();
}

QSize BigNumber::sizeHint() const {
  return sizeFor(QString(std::max(1, m_places - 1), u'0') + u'.').expandedTo(minimumSizeHint());
}

QSize BigNumber::minimumSizeHint() const {
  return sizeFor(m_text);
}

QSize BigNumber::sizeFor(const QString& figures) const {
  const Theme theme = applicationTheme();
  const QFont big = theme.font(TextSize::Huge, QFont::DemiBold);
  const QFontMetricsF body(theme.font(TextSize::Body));
  const QFontMetricsF caption(theme.font(TextSize::Caption, QFont::Medium));
  double number = tabularWidth(big, figures);
  number += m_unit.isEmpty() ? 0 : body.horizontalAdvance(m_unit) + theme.space(1);
  number += m_ratio ? body.horizontalAdvance(QStringLiteral("0.000×")) + theme.space(6) : 0;
  const double width = std::max(number, caption.horizontalAdvance(m_caption) + (m_role ? theme.space(4) : 0));
  return {static_cast<int>(std::ceil(width)) + theme.space(3),
          static_cast<int>(std::ceil(caption.height() + QFontMetricsF(big).height())) + 2 * theme.space(1)};
}

bool BigNumber::event(QEvent* event) {
  if (event->type() == themeChangeEvent()) {
    updateGeometry();
    update();
    return true;
  }
  return QWidget::event(event);
}

void BigNumber::paintEvent(QPaintEvent*) {
  const Theme theme = applicationTheme();
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  const QRectF area = QRectF(rect()).adjusted(0, theme.space(1), -theme.space(3), -theme.space(1));

  const QFont captionFont = theme.font(TextSize::Caption, QFont::Medium);
  const double captionHeight = QFontMetricsF(captionFont).height();
  double x = area.left();
  if (m_role) {
    painter.setPen(Qt::NoPen);
    painter.setBrush(theme.colour(*m_role));
    const double side = 8 * theme.scale();
    painter.drawRoundedRect(QRectF(x, area.top() + (captionHeight - side) / 2, side, side), 2, 2);
    x += theme.space(3);
  }
  painter.setFont(captionFont);
  painter.setPen(theme.colour(Role::MutedText));
  painter.drawText(QPointF(x, area.top() + QFontMetricsF(captionFont).ascent()), m_caption);

  const QFont big = theme.font(TextSize::Huge, QFont::DemiBold);
  const double base = area.top() + captionHeight + QFontMetricsF(big).ascent();
  painter.setFont(big);
  painter.setPen(theme.colour(Role::Text));
  paintTabular(painter, {area.left(), base}, m_text);
  x = area.left() + tabularWidth(big, m_text) + theme.space(1);

  const QFont body = theme.font(TextSize::Body);
  painter.setFont(body);
  painter.setPen(theme.colour(Role::MutedText));
  painter.drawText(QPointF(x, base), m_unit);
  if (!m_unit.isEmpty()) x += QFontMetricsF(body).horizontalAdvance(m_unit) + theme.space(2);

  if (m_ratio) {
    const QFont badge = theme.font(TextSize::Body, QFont::DemiBold);
    const QString text = ratio(*m_ratio);
    const double height = QFontMetricsF(badge).height() + theme.space(1);
    const QRectF pill(x, base - QFontMetricsF(badge).ascent() - theme.space(1) / 2.0,
                      tabularWidth(badge, text) + theme.space(4), height);
    painter.setPen(Qt::NoPen);
    painter.setBrush(theme.colour(Role::Selection));
    painter.drawRoundedRect(pill, height / 2, height / 2);
    painter.setFont(badge);
    painter.setPen(theme.colour(Role::Text));
    paintTabular(painter, {pill.left() + theme.space(2), base}, text);
  }
}

}  // namespace widgets
