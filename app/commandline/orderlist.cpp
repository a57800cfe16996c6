#include "app/commandline/orderlist.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "app/commandline/verb.h"

namespace commandline {
namespace {

constexpr int largest = 4096;

int orderOf(std::string_view text, std::string_view plan) {
  int order = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), order);
  if (failed == std::errc() && end == text.data() + text.size() && order >= 1 && order <= largest) return order;
  throw UsageError("--orders " + std::string(plan) + ": '" + std::string(text) +
                   "' is not a whole number from 1 to 4096; write FILTERS=ORDER, as in 0-3.*=8,5.17=16.");
}

std::string bankName(const analysis::Bank& bank) {
  const std::string layer = std::to_string(bank.layer);
  return bank.operatorsInLayer > 1 ? layer + "." + std::to_string(bank.operatorIndex) : layer;
}

}  // namespace

std::vector<FilterOrder> parseOrders(const analysis::Checkpoint& checkpoint, std::string_view plan) {
  std::map<analysis::FilterId, int> orders;
  std::string_view rest = plan;
  while (!rest.empty()) {
    const auto equals = rest.find('=');
    if (equals == rest.npos || equals == 0) {
      throw UsageError("--orders " + std::string(plan) + ": '" + std::string(rest) +
                       "' names filters without an order; write FILTERS=ORDER, as in 0-3.*=8,5.17=16.");
    }
    const auto comma = std::min(rest.find(',', equals), rest.size());
    const int order = orderOf(rest.substr(equals + 1, comma - equals - 1), plan);
    for (const auto& id : checkpoint.parseFilters(rest.substr(0, equals))) orders[id] = order;
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  std::vector<FilterOrder> list;
  list.reserve(orders.size());
  for (const auto& [id, order] : orders) list.push_back({id, order});
  return list;
}

std::string orderList(const analysis::Checkpoint& checkpoint, const std::vector<FilterOrder>& plan) {
  std::map<int, std::vector<FilterOrder>> banks;
  for (const FilterOrder& one : plan) banks[one.id.bank].push_back(one);
  std::string text;
  const auto add = [&](const std::string& filters, int order) {
    text += (text.empty() ? "" : ",") + filters + "=" + std::to_string(order);
  };
  for (const auto& [index, filters] : banks) {
    const analysis::Bank& bank = checkpoint.banks()[index];
    int common = 0;
    if (int(filters.size()) == bank.channels) {
      std::map<int, int> votes;
      for (const FilterOrder& one : filters) ++votes[one.order];
      common = std::max_element(votes.begin(), votes.end(), [](const auto& a, const auto& b) {
                 return a.second < b.second;
               })->first;
      add(bankName(bank) + ".*", common);
    }
    for (const FilterOrder& one : filters) {
      if (one.order != common) add(checkpoint.filterName(one.id), one.order);
    }
  }
  return text;
}

}  // namespace commandline
