// A plan in words: which filter keeps how many states.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"

namespace commandline {

struct FilterOrder {
  analysis::FilterId id;
  int order = 0;
};

// "0-3.*=8,5.17,5.18=16": filters as Checkpoint::parseFilters takes them, each list followed by its order; what comes
// later overrides what came before. Sorted by filter. Throws UsageError for a list that is no such plan,
// analysis::Error(input) for filters that are not there.
std::vector<FilterOrder> parseOrders(const analysis::Checkpoint&, std::string_view plan);
// The shortest such text this program knows: the commonest order of a bank for all of it, then the exceptions.
std::string orderList(const analysis::Checkpoint&, const std::vector<FilterOrder>&);

}  // namespace commandline
