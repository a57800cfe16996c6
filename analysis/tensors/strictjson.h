// JSON from files nobody vouches for: nesting is bounded and duplicate keys are errors.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

namespace analysis {

// Throws Error(input) naming `subject` for what is not JSON, nests deeper than 64 levels, or has a key twice.
nlohmann::json parseStrictJson(std::span<const std::byte> text, const std::string& subject);

}  // namespace analysis
