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

bool isUtf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const int more = lead < 0x80                   ? 0
                     : lead >= 0xc2 && lead < 0xe0 ? 1
                     : (lead & 0xf0) == 0xe0       ? 2
                     : lead >= 0xf0 && lead < 0xf5 ? 3
                                                   : -1;
    if (more < 0 || text.size() - i <= static_cast<std::size_t>(more)) return false;
    unsigned code = more == 0 ? lead : lead & (0x3fu >> more);
    for (int k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + static_cast<std::size_t>(k)]);
      if ((next & 0xc0) != 0x80) return false;
      code = code << 6 | (next & 0x3fu);
    }
    const bool shortest = more < 2 || code >= (more == 2 ? 0x800u : 0x10000u);
    if (!shortest || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    i += static_cast<std::size_t>(more) + 1;
  }
  return true;
}

}  // namespace analysis
