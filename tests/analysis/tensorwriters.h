// The writers of tensorbytes.h, and how the tests put their bytes on disk.
#pragma once

#include <QByteArray>
#include <QFile>
#include <QString>
#include <random>
#include <vector>

#include "tests/analysis/tensorbytes.h"

namespace writers {

inline void save(const QString& path, const std::string& bytes) {
  QFile file(path);
  if (!file.open(QIODevice::WriteOnly) || file.write(bytes.data(), qint64(bytes.size())) != qint64(bytes.size())) {
    qFatal("cannot write %s", qPrintable(path));
  }
}

// Normal numbers of this standard deviation, the same for the same seed.
inline std::vector<float> randomNumbers(std::size_t count, unsigned seed, float scale = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

}  // namespace writers
