// JSON from files nobody vouches for: nesting is bounded and duplicate keys are errors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

namespace analysis {

// Throws Error(input) naming `subject` for what is not JSON, nests deeper than 64 levels, has a key twice, or would
// take more memory than `budgetBytes` (a list of zeros takes forty times its text).
nlohmann::json parseStrictJson(std::span<const std::byte> text, const std::string& subject, std::uint64_t budgetBytes);

// What a JSON text may take that describes `fileBytes` bytes: as much, and 48 MB.
constexpr std::uint64_t jsonBudget(std::uint64_t fileBytes) {
  return fileBytes + (std::uint64_t(48) << 20);
}

// Names travel on into JSON and the window, which take only well-formed text. O(n).
bool isUtf8(std::string_view text);

}  // namespace analysis
