// What counts as an error of a fit: every frequency alike, a band that a person drew, or what a text makes the model
// feed its filters.
#pragma once

#include <QString>
#include <functional>
#include <memory>
#include <optional>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/reduction/inputweight.h"
#include "analysis/task.h"

namespace app {

struct FitWeight {
  double low = 0, high = 0;  // the band, radians per token; high 0: no band
  QString text;              // a file; empty: no text
  std::function<analysis::InputWeight(analysis::FilterId)> weight;  // empty: every frequency alike

  bool plain() const { return !weight; }
  // "every frequency alike", "band 0.1-1.2", "input on novels.txt".
  QString name() const;
  // For a line of provenance: " · errors by band 0.1–1.2 rad/token"; empty when every frequency counts alike.
  QString remark() const;
  // Of one filter; none when every frequency counts alike.
  std::optional<analysis::InputWeight> of(analysis::FilterId) const;
};

// Throws analysis::Error(input) for a band that is none.
FitWeight bandWeight(double low, double high);
// Runs the original model on the first `windows` windows of the text. Throws analysis::Error or engine::Error when it
// has no language model or the text cannot be read.
FitWeight textWeight(const QString& text, int windows, const std::shared_ptr<const analysis::Checkpoint>&,
                    const analysis::Task& = {});

}  // namespace app
