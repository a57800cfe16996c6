// The plots of one filter, filled with what the figure shows. Needs a QApplication.
#pragma once

#include <QString>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/checkpoint/filter.h"
#include "analysis/reduction/reducer.h"
#include "analysis/task.h"
#include "widgets/plot.h"

namespace commandline {

enum class View { impulse, spectrum, hankel, poles };

// "impulse" and so on, and "page" for all four.
std::vector<std::string> viewNames();
// The views behind a name. Throws std::out_of_range for other names.
std::vector<View> viewsOf(const std::string& name);

// What is drawn: a filter, and a fit where an order was asked for: the best the curve over all orders knows, as in the
// window.
struct FigureContent {
  std::shared_ptr<const analysis::Filter> filter;
  std::shared_ptr<const analysis::OrderCurve> curve;  // null: not computed
  std::shared_ptr<const analysis::Fit> fit;           // null: none asked for
  QString provenance;
};
// The curve up to `order` or the default, whichever is larger: 0.2 to 1 s at L = 1024.
void addFit(FigureContent&, int order, const analysis::Task&);

// `hankel` computes singular values, bounds and, where it is not known, the curve: a second at L = 1024; the others
// milliseconds. `poles` needs a fit. Throws analysis::Error, Stopped.
std::unique_ptr<widgets::Plot> makeFigure(View, const FigureContent&, const analysis::Task&);

}  // namespace commandline
