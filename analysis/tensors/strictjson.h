// JSON from files nobody vouches for: nesting is bounded and duplicate keys are errors.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

namespace analysis {

// Throws Error(input) naming `subject` for what is not JSON, nests deeper than 64 levels, or has a key twice.
nlohmann::json parseStrictJson(std::span<const std::byte> text, const std::string& subject);

// Names travel on into JSON and the window, which take only well-formed text. O(n).
bool isUtf8(std::string_view text);

}  // namespace analysis
