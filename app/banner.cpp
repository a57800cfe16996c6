#include "app/banner.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QToolButton>

#include "widgets/theme.h"

namespace app {

Banner::Banner(QWidget* parent) : QFrame(parent), m_mark(new QLabel), m_text(new QLabel), m_close(new QToolButton) {
  setObjectName(QStringLiteral("banner"));
  setAccessibleName(tr("Message"));
  m_mark->setText(QStringLiteral("!"));
  m_mark->setAlignment(Qt::AlignCenter);
  m_mark->setObjectName(QStringLiteral("bannerMark"));
  m_text->setWordWrap(true);
  m_text->setTextFormat(Qt::PlainText);
  m_text->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_close->setText(tr("Dismiss"));
  m_close->setAccessibleName(tr("Dismiss the message"));
  m_close->setShortcut(Qt::Key_Escape);
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(12, 8, 8, 8);
  layout->setSpacing(12);
  layout->addWidget(m_mark);
  layout->addWidget(m_text, 1);
  layout->addWidget(m_close);
  connect(m_close, &QToolButton::clicked, this, &Banner::dismiss);
  restyle();
}

void Banner::tell(const QString& sentence) {
  m_text->setText(sentence);
  m_text->setAccessibleName(sentence);
  Q_EMIT needed(true);
}

void Banner::dismiss() {
  m_text->clear();
  Q_EMIT needed(false);
}

QString Banner::sentence() const {
  return m_text->text();
}

bool Banner::event(QEvent* event) {
  if (event->type() == widgets::themeChangeEvent()) restyle();
  return QFrame::event(event);
}

void Banner::restyle() {
  const widgets::Theme theme = widgets::applicationTheme();
  const QString warning = theme.colour(widgets::Role::Unstable).name();
  m_mark->setFixedSize(theme.space(5), theme.space(5));
  setStyleSheet(QStringLiteral(
                    "#banner { background: %1; border: none; border-left: %2px solid %3; border-bottom: 1px solid %4; }"
                    "#bannerMark { color: %1; background: %3; border-radius: %5px; font-weight: 600; }")
                    .arg(theme.colour(widgets::Role::Surface).name())
                    .arg(theme.space(1))
                    .arg(warning, theme.colour(widgets::Role::Border).name())
                    .arg(theme.space(5) / 2));
}

}  // namespace app
