// Relative quantities as the window and the tables show them.
#pragma once

#include <QString>

namespace app {

// "3.21 %"; below 0.01 % as a power of ten ("4.1 × 10⁻⁶"); "–" for NaN.
QString percent(double relative);

}  // namespace app
