#include "app/format.h"

#include <cmath>

#include "widgets/format.h"

namespace app {

QString percent(double relative) {
  if (std::isnan(relative)) return QStringLiteral("–");
  if (relative == 0) return QStringLiteral("0 %");
  if (std::abs(relative) < 1e-4) return widgets::number(relative, 2);
  return widgets::number(100 * relative, 3) + QStringLiteral(" %");
}

}  // namespace app
