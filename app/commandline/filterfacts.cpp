#include "app/commandline/filterfacts.h"

#include <algorithm>
#include <memory>
#include <span>

#include "analysis/reduction/reducer.h"
#include "analysis/response/bounds.h"

namespace commandline {
namespace {

std::shared_ptr<const analysis::Filter> shortened(std::shared_ptr<const analysis::Filter> filter, int lengthSamples) {
  if (lengthSamples == 0 || lengthSamples >= int(filter->taps.size())) return filter;
  auto copy = std::make_shared<analysis::Filter>(*filter);
  copy->taps.resize(lengthSamples);
  return copy;
}

FilterFacts factsOf(const analysis::Checkpoint& checkpoint, const analysis::Filter& filter) {
  FilterFacts facts;
  facts.name = filter.name;
  facts.bank = checkpoint.banks()[filter.id.bank].path;
  facts.id = filter.id;
  facts.lengthSamples = int(filter.taps.size());
  facts.skip = filter.skip;
  facts.statistics = analysis::statistics(filter.taps);
  return facts;
}

// Balanced fits tell where the error drops; polishing them costs ten times as much and moves no drop.
std::vector<SuggestedOrder> suggestions(std::shared_ptr<const analysis::Filter> filter, const analysis::Task& task) {
  const auto curve = analysis::Reducer(std::move(filter), analysis::Reducer::defaultMaxOrder, task).spectralCurve(task);
  std::vector<SuggestedOrder> orders;
  for (const int order : curve->suggestedOrders()) orders.push_back({order, curve->fits[order]->errorRelative});
  return orders;
}

}  // namespace

FilterFacts quickFacts(const analysis::Checkpoint& checkpoint, analysis::FilterId id, int lengthSamples) {
  return factsOf(checkpoint, *shortened(checkpoint.filter(id), lengthSamples));
}

FilterFacts fullFacts(const analysis::Checkpoint& checkpoint, analysis::FilterId id, int lengthSamples, int values,
                      std::stop_token stop) {
  const analysis::Task task(std::move(stop));
  const auto filter = shortened(checkpoint.filter(id, task), lengthSamples);
  FilterFacts facts = factsOf(checkpoint, *filter);
  if (!facts.statistics.finite || filter->taps.size() < 2) return facts;
  const int most = std::min(values, int(filter->taps.size()) - 1);
  facts.hankelValues = analysis::hankelSpectrum(filter->taps, most, false, task).values;
  facts.hankelValues.resize(std::min(facts.hankelValues.size(), std::size_t(most)));
  facts.suggested = suggestions(filter, task);
  return facts;
}

nlohmann::ordered_json toJson(const FilterFacts& facts, const analysis::Bank& bank) {
  nlohmann::ordered_json json = {{"name", facts.name},
                                 {"bank", facts.bank},
                                 {"layer", bank.layer},
                                 {"operator", bank.operatorIndex},
                                 {"channel", facts.id.channel},
                                 {"lengthSamples", facts.lengthSamples},
                                 {"skip", facts.skip},
                                 {"finite", facts.statistics.finite},
                                 {"energy", facts.statistics.energy},
                                 {"peak", facts.statistics.peak},
                                 {"peakLagSamples", facts.statistics.peakLagSamples},
                                 {"effectiveLengthSamples", facts.statistics.effectiveLengthSamples},
                                 {"firstTapShare", facts.statistics.firstTapShare}};
  if (facts.hankelValues.empty()) return json;
  json["hankelValues"] = facts.hankelValues;
  json["suggestedOrders"] = nlohmann::ordered_json::array();
  for (const auto& [order, error] : facts.suggested) {
    json["suggestedOrders"].push_back({{"order", order}, {"errorRelative", error}});
  }
  return json;
}

Table factsTable(const std::vector<FilterFacts>& list) {
  Table table({"<filter", "length/samples", "effective/samples", "energy", "|h[0]|/norm", "<Hankel values",
               "<orders (relative error)"});
  for (const FilterFacts& facts : list) {
    if (!facts.statistics.finite) {
      table.row({facts.name, count(facts.lengthSamples), "-", "-", "-", "holds NaN or Inf", "-"});
      continue;
    }
    std::string values, orders;
    for (const double value :
         std::span(facts.hankelValues).first(std::min<std::size_t>(4, facts.hankelValues.size()))) {
      values += (values.empty() ? "" : " ") + number(value);
    }
    for (const auto& [order, error] : facts.suggested) {
      orders += (orders.empty() ? "" : ", ") + std::to_string(order) + " (" + number(error, 2) + ")";
    }
    table.row({facts.name, count(facts.lengthSamples), count(facts.statistics.effectiveLengthSamples),
               number(facts.statistics.energy), number(facts.statistics.firstTapShare), values, orders});
  }
  return table;
}

}  // namespace commandline
