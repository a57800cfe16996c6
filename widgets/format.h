// Numbers as people read them: few digits, typographic minus and powers, the right prefix.
#pragma once

#include <QString>

namespace widgets {

// `digits` significant digits; powers of ten as 1.2 × 10⁻⁷ outside 1e-3..1e6; "–" for NaN, "∞" for infinity.
QString number(double value, int digits = 4);
// Thousands apart: 12 345.
QString count(qint64 value);
// 1 decimal below 100: "1.5 kB", "64.0 MB", "2.1 GB"; powers of 1000.
QString bytes(double value);
// "11.2×", "0.83×"; three significant digits.
QString ratio(double value);
// 10⁻³ and the like.
QString powerOfTen(int exponent);

}  // namespace widgets
