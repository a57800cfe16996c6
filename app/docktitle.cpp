#include "app/docktitle.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QToolButton>

#include "widgets/theme.h"

namespace app {

DockTitle::DockTitle(QDockWidget* dock, bool named)
    : QWidget(dock), m_name(new QLabel), m_float(new QToolButton), m_close(new QToolButton) {
  m_float->setText(QStringLiteral("↗"));
  m_float->setAccessibleName(tr("Float or dock %1").arg(dock->windowTitle()));
  m_float->setToolTip(tr("Float or dock"));
  m_close->setText(QStringLiteral("×"));
  m_close->setAccessibleName(tr("Close %1").arg(dock->windowTitle()));
  m_close->setToolTip(tr("Close; the View menu brings it back"));
  for (QToolButton* button : {m_float, m_close}) {
    button->setAutoRaise(true);
    button->setFocusPolicy(Qt::NoFocus);
    button->setObjectName(QStringLiteral("dockButton"));
  }
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(12, 2, 4, 0);
  layout->setSpacing(0);
  layout->addWidget(m_name, 1);
  layout->addWidget(m_float);
  layout->addWidget(m_close);
  connect(m_float, &QToolButton::clicked, dock, [dock] { dock->setFloating(!dock->isFloating()); });
  connect(m_close, &QToolButton::clicked, dock, &QWidget::hide);
  const auto rename = [this, dock, named](bool floating) {
    m_name->setText(named || floating ? dock->windowTitle() : QString());
  };
  connect(dock, &QDockWidget::topLevelChanged, this, rename);
  rename(false);
  restyle();
}

bool DockTitle::event(QEvent* event) {
  if (event->type() == widgets::themeChangeEvent()) restyle();
  return QWidget::event(event);
}

void DockTitle::restyle() {
  const widgets::Theme theme = widgets::applicationTheme();
  m_name->setFont(theme.font(widgets::TextSize::Body, QFont::DemiBold));
  for (QToolButton* button : {m_float, m_close}) button->setFixedSize(theme.space(5), theme.space(5));
  setStyleSheet(
      QStringLiteral("#dockButton { background: transparent; border: none; padding: 0; min-height: 0; color: %1; }"
                     "#dockButton:hover { color: %2; }")
          .arg(theme.colour(widgets::Role::MutedText).name(), theme.colour(widgets::Role::Text).name()));
}

}  // namespace app
