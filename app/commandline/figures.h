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
#include "app/bankimage.h"
#include "app/commandline/methodlist.h"
#include "widgets/plot.h"

namespace commandline {

enum class View { impulse, spectrum, hankel, poles, bank };

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
  struct Overlay {
    QString title;
    analysis::Fit fit;
  };
  std::vector<Overlay> overlays;  // by other methods, drawn over impulse response and spectrum
  app::BankImage bank;            // empty: not read
  QString provenance;
};
// The model of this order, of the same effort as `distill`. `wholeCurve` (what a Hankel figure shows): taken from the
// curve over all orders up to `order` or the default, whichever is larger; 1 to 3 s at L = 1024 instead of 0.1 s.
void addFit(FigureContent&, int order, bool wholeCurve, const analysis::Task&);
// A fit by this method, laid over. Cost of the method. Throws analysis::Error(numerical).
void addOverlay(FigureContent&, const FitMethod& method, int order, const analysis::Task&);

// `hankel` computes singular values, bounds and, where it is not known, the curve: a second at L = 1024; the others
// milliseconds. `poles` needs a fit, `bank` the bank. Throws analysis::Error, Stopped.
std::unique_ptr<widgets::Plot> makeFigure(View, const FigureContent&, const analysis::Task&);

}  // namespace commandline
