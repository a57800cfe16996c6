#include "analysis/reduction/alternatives.h"

#include <algorithm>
#include <array>
#include <iomanip>
#include <memory>
#include <sstream>

#include "analysis/reduction/firsttaps.h"
#include "analysis/reduction/joint.h"

namespace analysis {

namespace {

constexpr std::string_view sharedSource =
    "one set of poles, residues for each filter: variable projection with several right-hand sides "
    "(Golub and LeVeque 1979)";
constexpr std::string_view sharedCost = "one fit of as many samples as the filters' principal components have together";

constexpr std::array known{
    Alternative{"first-taps", "Exact first taps, then a recurrence",
                "a finite response beside an infinite one; the split of least error for as many multiply-adds",
                "a fit for each of about log2(d) splits", 0},
    Alternative{"shared-4", "Poles shared by 4 neighbours", sharedSource, sharedCost, 4},
    Alternative{"shared-16", "Poles shared by 16 neighbours", sharedSource, sharedCost, 16},
    Alternative{"shared-layer", "Poles shared by the whole layer", sharedSource, sharedCost, wholeBank}};

AlternativeFit afterTaps(const std::shared_ptr<const Filter>& filter, int order, const Task& task) {
  const FirstTapsFit fit = bestSplit(filter, 1 + 3 * order, Effort::standard, task);
  AlternativeFit out;
  out.impulse = fit.impulseResponse(static_cast<int>(filter->taps.size()));
  out.errorRelative = fit.errorRelative;
  out.spectralRadius = fit.tail.spectralRadius();
  out.poles = fit.tail.poles();
  out.order = fit.order();
  out.recurrence = fit.taps.size() <= 1;
  std::ostringstream remark;
  remark << fit.taps.size() << (fit.taps.size() == 1 ? " exact tap and " : " exact taps and ") << fit.order()
         << " states: " << fit.operations() << " multiply-adds per token, " << 1 + 3 * order << " allowed";
  out.remark = remark.str();
  return out;
}

AlternativeFit together(const Alternative& alternative, const Checkpoint& checkpoint, FilterId id, int order,
                        const Task& task) {
  const int channels = checkpoint.banks().at(static_cast<std::size_t>(id.bank)).channels;
  const int size = alternative.filtersPerPoleSet == wholeBank ? channels : alternative.filtersPerPoleSet;
  const int first = id.channel / size * size, last = std::min(first + size, channels);
  std::vector<std::shared_ptr<const Filter>> filters;
  for (int channel = first; channel < last; ++channel) {
    task.throwIfStopped();
    filters.push_back(checkpoint.filter({id.bank, channel}, task));
  }
  const JointFit joint = fitTogether(filters, order, Effort::standard, task);
  const Fit& fit = joint.fits[static_cast<std::size_t>(id.channel - first)];
  AlternativeFit out;
  out.impulse = fit.model.impulseResponse(
      static_cast<int>(filters[static_cast<std::size_t>(id.channel - first)]->taps.size()));
  out.errorRelative = fit.errorRelative;
  out.spectralRadius = fit.model.spectralRadius();
  out.poles = fit.model.poles();
  out.order = fit.model.order();
  const int count = static_cast<int>(filters.size());
  std::ostringstream remark;
  remark << count << (count == 1 ? " filter" : " filters") << " together: " << storedNumbers(order, count, count)
         << " numbers to store instead of " << storedNumbers(order, count) << ", root mean square error "
         << std::setprecision(3) << 100 * joint.errorRelative << " %";
  out.remark = remark.str();
  return out;
}

}  // namespace

std::span<const Alternative> alternatives() {
  return known;
}

const Alternative* alternativeNamed(std::string_view name) {
  const auto found = std::find_if(known.begin(), known.end(), [&](const Alternative& a) { return a.name == name; });
  return found == known.end() ? nullptr : &*found;
}

AlternativeFit fitAlternative(const Alternative& alternative, const Checkpoint& checkpoint, FilterId id, int order,
                              const Task& task) {
  if (alternative.filtersPerPoleSet == 0) return afterTaps(checkpoint.filter(id, task), order, task);
  return together(alternative, checkpoint, id, order, task);
}

}  // namespace analysis
