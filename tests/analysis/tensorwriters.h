// The writers of tensorbytes.h, and how the tests put their bytes on disk.
#pragma once

#include <QByteArray>
#include <QFile>
#include <QString>

#include "tests/analysis/tensorbytes.h"

namespace writers {

inline void save(const QString& path, const std::string& bytes) {
  QFile file(path);
  if (!file.open(QIODevice::WriteOnly) || file.write(bytes.data(), qint64(bytes.size())) != qint64(bytes.size())) {
    qFatal("cannot write %s", qPrintable(path));
  }
}

}  // namespace writers
