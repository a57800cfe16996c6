// Lets screen readers hear what the cursor of a plot stands on, or a summary of the plot.
#pragma once

namespace widgets {

// Once per process is enough; further calls do nothing.
void installPlotAccessibility();

}  // namespace widgets
