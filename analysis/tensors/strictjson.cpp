#include "analysis/tensors/strictjson.h"

#include <set>
#include <vector>

#include "analysis/tensors/blob.h"

namespace analysis {

nlohmann::json parseStrictJson(std::span<const std::byte> text, const std::string& subject) {
  using Json = nlohmann::json;
  constexpr int deepest = 64;
  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > deepest) refuse(subject, "nests deeper than 64 levels", damagedAdvice);
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second) {
      refuse(subject, "has the key " + value.get<std::string>() + " twice", damagedAdvice);
    }
    return true;
  };
  const auto* first = reinterpret_cast<const char*>(text.data());
  try {
    return Json::parse(first, first + text.size(), watch);
  } catch (const Json::exception&) {
    refuse(subject, "is not valid JSON", damagedAdvice);
  }
}

}  // namespace analysis
