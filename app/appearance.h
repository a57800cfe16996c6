// Which theme the person chose, kept in the user's settings and applied to the running program.
#pragma once

#include "widgets/theme.h"

namespace app::appearance {

widgets::Scheme stored();
void store(widgets::Scheme);
// System decides by the palette the program was started with.
void apply(widgets::Scheme);
// High contrast, fonts, lines and markers 2.2 times as large: the smallest letters are 18 points.
void applyTalk();

}  // namespace app::appearance
