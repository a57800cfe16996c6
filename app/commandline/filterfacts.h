// What `inspect` says of one filter, as numbers, as a table row and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/response/statistics.h"
#include "app/commandline/table.h"

namespace commandline {

// How well the house's own fit does at an order.
struct SuggestedOrder {
  int order = 0;
  double errorRelative = 0;
};

struct FilterFacts {
  std::string name, bank;
  analysis::FilterId id;
  int lengthSamples = 0;
  double skip = 0;
  analysis::Statistics statistics;
  // Only where asked for, and only for finite filters:
  std::vector<double> hankelValues;
  std::vector<SuggestedOrder> suggested;
};

// lengthSamples 0: the filter's own length, else its first taps. O(L).
FilterFacts quickFacts(const analysis::Checkpoint&, analysis::FilterId, int lengthSamples);
// Adds the `values` leading Hankel singular values (converged) and three orders worth choosing (balanced fits).
// O(L log L), tens of milliseconds at L = 1024.
FilterFacts fullFacts(const analysis::Checkpoint&, analysis::FilterId, int lengthSamples, int values, std::stop_token);

nlohmann::ordered_json toJson(const FilterFacts&, const analysis::Bank&);
Table factsTable(const std::vector<FilterFacts>&);

}  // namespace commandline
