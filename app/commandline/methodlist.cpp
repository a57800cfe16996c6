#include "app/commandline/methodlist.h"

#include <algorithm>
#include <sstream>

#include "analysis/reduction/alternatives.h"
#include "analysis/reduction/methods/method.h"
#include "analysis/reduction/reducer.h"
#include "app/commandline/verb.h"

namespace commandline {

std::vector<FitMethod> fitMethods() {
  std::vector<FitMethod> list{{std::string(ownMethod), "Polecat's own",
                               "variable projection (Golub and Pereyra 1973) from several starts",
                               "O(d M log M) for the starts, O(M d^2) a step", false}};
  for (const analysis::Method& method : analysis::methods()) {
    list.push_back({std::string(method.name), std::string(method.title), std::string(method.source),
                    std::string(method.cost), method.slow});
  }
  return list;
}

std::vector<FitMethod> otherForms() {
  std::vector<FitMethod> list;
  for (const analysis::Alternative& form : analysis::alternatives()) {
    list.push_back({std::string(form.name), std::string(form.title), std::string(form.source), std::string(form.cost),
                    form.filtersPerPoleSet != 0});
  }
  return list;
}

std::vector<FitMethod> methodsNamed(const std::string& list, bool forms) {
  std::vector<FitMethod> known = fitMethods(), chosen;
  if (list == "all") return known;
  if (list == "fast") {
    std::erase_if(known, [](const FitMethod& method) { return method.slow; });
    return known;
  }
  if (forms) {
    for (FitMethod& form : otherForms()) known.push_back(std::move(form));
  }
  std::istringstream words(list);
  for (std::string word; std::getline(words, word, ',');) {
    const auto named = [&](const FitMethod& method) { return method.name == word; };
    const auto found = std::find_if(known.begin(), known.end(), named);
    if (found == known.end()) {
      throw UsageError("'" + word + "' is no method; 'polecat methods' lists them, and 'all' and 'fast' name many.");
    }
    if (std::none_of(chosen.begin(), chosen.end(), named)) chosen.push_back(*found);
  }
  if (chosen.empty()) throw UsageError("--methods: name at least one; 'polecat methods' lists them.");
  return chosen;
}

analysis::Fit fitBy(const std::string& method, std::shared_ptr<const analysis::Filter> filter, int order,
                    const analysis::Task& task) {
  if (method == ownMethod) {
    return analysis::Reducer(std::move(filter), order, task).fit(order, task, analysis::Effort::standard);
  }
  return analysis::fitWith(analysis::methodNamed(method), filter->taps, order, task);
}

}  // namespace commandline
