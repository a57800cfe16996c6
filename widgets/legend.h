// One line of a legend: the same sample as the curve has, and its name.
#pragma once

#include <QString>

#include "widgets/theme.h"

namespace widgets {

struct LegendEntry {
  enum class Sample { Line, Dots, Area };
  QString label;
  Role role = Role::Original;
  Sample sample = Sample::Line;
  Marker marker = Marker::None;  // of dots; None is the role's own
};

}  // namespace widgets
