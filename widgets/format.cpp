#include "widgets/format.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace widgets {
namespace {

const QChar minus(0x2212);
const QChar narrowSpace(0x202f);

QString superscript(int value) {
  static constexpr std::array<char16_t, 10> digits = {u'⁰', u'¹', u'²', u'³', u'⁴', u'⁵', u'⁶', u'⁷', u'⁸', u'⁹'};
  QString result;
  if (value < 0) result += QChar(u'⁻');
  const QString decimal = QString::number(std::abs(value));
  for (const QChar digit : decimal) {
    result += QChar(digits[static_cast<size_t>(digit.digitValue())]);
  }
  return result;
}

QString withMinus(QString text) {
  return text.replace(u'-', minus);
}

// Decimals that show `digits` significant digits of a value of this size.
QString significant(double value, int digits) {
  if (value == 0) return QStringLiteral("0");
  const int magnitude = static_cast<int>(std::floor(std::log10(std::abs(value))));
  return withMinus(QString::number(value, 'f', std::max(0, digits - 1 - magnitude)));
}

}  // namespace

QString powerOfTen(int exponent) {
  return QStringLiteral("10") + superscript(exponent);
}

QString number(double value, int digits) {
  if (std::isnan(value)) return QStringLiteral("–");
  if (std::isinf(value)) return value > 0 ? QStringLiteral("∞") : minus + QStringLiteral("∞");
  const double size = std::abs(value);
  if (size != 0 && (size < 1e-3 || size >= 1e6)) {
    const QString scientific = QString::number(value, 'e', digits - 1);
    const qsizetype e = scientific.indexOf(u'e');
    return withMinus(scientific.left(e)) + QStringLiteral(" × ") + powerOfTen(QStringView(scientific).mid(e + 1).toInt());
  }
  if (size == std::floor(size)) return withMinus(QString::number(value, 'f', 0));
  return significant(value, digits);
}

QString count(qint64 value) {
  QString text = QString::number(std::abs(value));
  for (qsizetype at = text.size() - 3; at > 0; at -= 3) text.insert(at, narrowSpace);
  return value < 0 ? minus + text : text;
}

QString bytes(double value) {
  static constexpr std::array<const char*, 5> units = {"B", "kB", "MB", "GB", "TB"};
  if (!std::isfinite(value)) return number(value);
  size_t unit = 0;
  while (std::abs(value) >= 999.95 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  const int decimals = unit == 0 || std::abs(value) >= 99.95 ? 0 : 1;
  return withMinus(QString::number(value, 'f', decimals)) + u' ' + QLatin1String(units[unit]);
}

QString ratio(double value) {
  if (!std::isfinite(value)) return number(value);
  return significant(value, std::abs(value) >= 1000 ? 4 : 3) + QChar(u'×');
}

}  // namespace widgets
