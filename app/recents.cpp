#include "app/recents.h"

#include <QSettings>

namespace app::recents {

namespace {
QString key() {
  return QStringLiteral("recentFiles");
}
}  // namespace

QStringList files() {
  return QSettings().value(key()).toStringList();
}

void add(const QString& path) {
  QStringList all = files();
  all.removeAll(path);
  all.prepend(path);
  QSettings().setValue(key(), all.mid(0, limit));
}

void remove(const QString& path) {
  QStringList all = files();
  all.removeAll(path);
  QSettings().setValue(key(), all);
}

}  // namespace app::recents
