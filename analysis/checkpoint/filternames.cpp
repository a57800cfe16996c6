// The little language of filter names: "0-3.*,5.17".
#include <algorithm>
#include <charconv>
#include <set>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/tensors/blob.h"

namespace analysis {
namespace {

struct Span {
  int first = 0, last = 0;
  bool any = false;  // a star
  bool contains(int n) const { return any || (n >= first && n <= last); }
};

std::optional<int> natural(std::string_view text) {
  int value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && value >= 0;
  return whole && text.front() != '-' ? std::optional(value) : std::nullopt;
}

std::optional<Span> span(std::string_view text) {
  if (text == "*") return Span{0, 0, true};
  const std::size_t dash = text.find('-');
  const auto first = natural(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : natural(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return Span{*first, *last, false};
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  for (std::size_t end = 0; end != std::string_view::npos;) {
    end = text.find(separator);
    pieces.push_back(text.substr(0, end));
    if (end != std::string_view::npos) text.remove_prefix(end + 1);
  }
  return pieces;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// One name with its spans; the operator counts as any where the name leaves it out.
struct Pattern {
  Span layer, operatorIndex, channel;
  bool namesOperator = false;

  bool fits(const Bank& bank) const {
    if (!layer.contains(bank.layer)) return false;
    if (namesOperator) return bank.operatorsInLayer > 1 && operatorIndex.contains(bank.operatorIndex);
    return bank.operatorsInLayer == 1 || channel.any;
  }
};

std::optional<Pattern> pattern(std::string_view item) {
  if (item == "*") return Pattern{{0, 0, true}, {0, 0, true}, {0, 0, true}, false};
  std::vector<Span> spans;
  for (const std::string_view piece : split(item, '.')) {
    const auto parsed = span(piece);
    if (!parsed) return std::nullopt;
    spans.push_back(*parsed);
  }
  if (spans.size() == 2) return Pattern{spans[0], {0, 0, true}, spans[1], false};
  if (spans.size() == 3) return Pattern{spans[0], spans[1], spans[2], true};
  return std::nullopt;
}

}  // namespace

std::vector<FilterId> Checkpoint::parseFilters(std::string_view expression) const {
  std::set<FilterId> found;
  for (const std::string_view item : split(expression, ',')) {
    const std::string_view name = trimmed(item);
    const std::string subject = "filter \"" + std::string(name) + "\"";
    const auto wanted = pattern(name);
    if (!wanted) refuse(subject, "is no filter name", "write LAYER.CHANNEL or LAYER.OPERATOR.CHANNEL, as in 0-3.*");
    bool any = false;
    for (int b = 0; b < static_cast<int>(banks().size()); ++b) {
      const Bank& bank = banks()[static_cast<std::size_t>(b)];
      if (!wanted->fits(bank)) continue;
      const int first = wanted->channel.any ? 0 : wanted->channel.first;
      const int last = wanted->channel.any ? bank.channels - 1 : std::min(wanted->channel.last, bank.channels - 1);
      for (int c = first; c <= last; ++c) found.insert({b, c});
      any = any || first <= last;
    }
    if (!any) {
      const std::string example = banks().empty() ? "none: the model has no filters" : filterName({0, 0});
      refuse(subject, "does not exist in " + tensors().path().filename().string(),
             "the names of its filters look like " + example);
    }
  }
  return {found.begin(), found.end()};
}

}  // namespace analysis
