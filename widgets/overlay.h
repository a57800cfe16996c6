// Named results laid over a plot, to compare methods or models: each has a colour, dashes and a marker of its own, the
// same in every plot for the same place in the list.
#pragma once

#include <QString>
#include <vector>

#include "widgets/theme.h"

namespace widgets {

struct Overlay {
  QString name;
  std::vector<double> values;
};

// The look of the index-th overlay; from the eighth on looks repeat.
inline Role overlayRole(size_t index) {
  return static_cast<Role>(static_cast<int>(Role::Overlay1) + static_cast<int>(index % overlayCount));
}

}  // namespace widgets
