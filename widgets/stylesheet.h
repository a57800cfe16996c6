// The style sheet that turns Fusion into the look of Polecat: 4 px grid, 6 px corners, visible focus, slim scroll bars.
#pragma once

#include <QString>

#include "widgets/theme.h"

namespace widgets {

QString styleSheet(const Theme& theme);

}  // namespace widgets
