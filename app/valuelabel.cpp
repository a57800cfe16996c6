#include "app/valuelabel.h"

#include <QFontMetrics>
#include <QPainter>

namespace app {

ValueLabel::ValueLabel(int characters, QWidget* parent) : QWidget(parent), m_characters(characters) {
  setSizePolicy(characters > 0 ? QSizePolicy::Fixed : QSizePolicy::Ignored, QSizePolicy::Fixed);
}

void ValueLabel::setText(const QString& text) {
  if (text == m_text) return;
  m_text = text;
  setAccessibleDescription(text);
  update();
}

QSize ValueLabel::sizeHint() const {
  const QFontMetrics metrics(font());
  return {metrics.horizontalAdvance(QLatin1Char('0')) * m_characters, metrics.height()};
}

QSize ValueLabel::minimumSizeHint() const {
  return sizeHint();
}

void ValueLabel::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setPen(palette().color(isEnabled() ? QPalette::Active : QPalette::Disabled, QPalette::WindowText));
  painter.drawText(contentsRect(), m_alignment | Qt::AlignVCenter | Qt::TextSingleLine,
                   fontMetrics().elidedText(m_text, Qt::ElideRight, contentsRect().width()));
}

}  // namespace app
