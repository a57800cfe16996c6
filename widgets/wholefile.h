// A file that is written whole or stays as it was.
#pragma once

#include <QByteArray>
#include <QString>

namespace widgets {

// Replaces the file, or makes it. Empty, or one sentence that names the file and says what to do; then what was there is
// untouched and no scrap is left.
QString writeWhole(const QString& path, const QByteArray& content);

}  // namespace widgets
