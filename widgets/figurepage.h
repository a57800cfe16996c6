// Several plots on one page, for papers and reports.
#pragma once

#include <QString>
#include <vector>

#include "widgets/plot.h"

namespace widgets {

struct FigurePage {
  QString title;       // above the plots; may be empty
  QString provenance;  // one line at the foot, in place of those of the plots
  std::vector<const Plot*> plots;
  int columns = 2;  // plots fill rows from the left; the last row may be shorter
};

// The whole page has the size of the options. Plots are drawn as they are: same ranges, switches and marks, without
// cursor; the widgets do not change. An empty page is blank but for its lines.
QImage pageImage(const FigurePage& page, const ExportOptions& options);
// By the suffix: png, svg, pdf. Returns an empty string, or one sentence that says what failed.
QString exportPage(const FigurePage& page, const QString& path, const ExportOptions& options);

}  // namespace widgets
