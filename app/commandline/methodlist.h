// The ways to fit a filter, the program's own and those to compare it with, under one roof for the verbs.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/checkpoint/filter.h"
#include "analysis/reduction/fit.h"
#include "analysis/task.h"

namespace commandline {

struct FitMethod {
  std::string name, title, source, cost;
  bool slow = false;  // seconds rather than milliseconds
};

inline constexpr std::string_view ownMethod = "polecat";

// The program's own first.
std::vector<FitMethod> fitMethods();
// Other forms of model at equal cost (analysis/reduction/alternatives.h): for comparison alone.
std::vector<FitMethod> otherForms();
// "all", "fast", or a comma list of names, in that order and without repetition; with `forms` their names too, which
// neither word includes. Throws UsageError for unknown names.
std::vector<FitMethod> methodsNamed(const std::string& list, bool forms = false);
// One order of one filter from nothing. Throws analysis::Error(numerical) when the method has no result.
analysis::Fit fitBy(const std::string& method, std::shared_ptr<const analysis::Filter>, int order,
                    const analysis::Task&);

}  // namespace commandline
