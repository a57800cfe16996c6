#include "widgets/wholefile.h"

#include <QFileInfo>
#include <QObject>
#include <QSaveFile>

namespace widgets {

// Unbuffered: a buffer that a full disk takes in part is flushed without an error (Qt 6.4), and the cut file would be
// put in the place of what was there.
QString writeWhole(const QString& path, const QByteArray& content) {
  QSaveFile file(path);
  const bool open = file.open(QIODevice::WriteOnly | QIODevice::Unbuffered);
  const bool whole = open && file.write(content) == content.size();
  if (whole && file.commit()) return {};
  const QString reason = open && !whole ? QObject::tr("the disk did not take all of it") : file.errorString();
  return QObject::tr("%1 could not be written (%2); choose another folder or free some space, nothing has been lost")
      .arg(QFileInfo(path).fileName(), reason);
}

}  // namespace widgets
