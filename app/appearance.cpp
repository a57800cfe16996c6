#include "app/appearance.h"

#include <QApplication>
#include <QPalette>
#include <QSettings>

namespace app::appearance {

namespace {
QString key() {
  return QStringLiteral("theme");
}
}  // namespace

widgets::Scheme stored() {
  const QString text = QSettings().value(key(), QStringLiteral("system")).toString();
  if (text == QLatin1String("light")) return widgets::Scheme::Light;
  if (text == QLatin1String("dark")) return widgets::Scheme::Dark;
  return widgets::Scheme::System;
}

void store(widgets::Scheme scheme) {
  QSettings().setValue(key(), scheme == widgets::Scheme::Light  ? QStringLiteral("light")
                              : scheme == widgets::Scheme::Dark ? QStringLiteral("dark")
                                                                : QStringLiteral("system"));
}

void apply(widgets::Scheme scheme) {
  // Read once, before our own palette replaces it.
  static const QPalette system = QApplication::palette();
  widgets::applyTheme(*qApp, widgets::Theme::named(scheme, system));
}

void applyTalk() {
  widgets::applyTheme(*qApp, widgets::Theme::highContrast().scaled(2.2));
}

}  // namespace app::appearance
