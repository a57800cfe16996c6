#include "analysis/reduction/sharing.h"

#include <nlohmann/json.hpp>
#include <sstream>

namespace analysis {

std::string Sharing::toJson() const {
  return nlohmann::json{{"pole_sets", poleSets},
                        {"error_ratio", errorRatio},
                        {"largest_error_ratio", largestErrorRatio},
                        {"stored_numbers", storedNumbers},
                        {"stored_numbers_separate", storedNumbersSeparate}}
      .dump();
}

std::string Sharing::sentence() const {
  std::ostringstream words;
  words.precision(4);
  words << poleSets << (poleSets == 1 ? " set of poles" : " sets of poles") << ": errors " << errorRatio
        << " times those of separate poles (at most " << largestErrorRatio << "), " << storedNumbers
        << " numbers to store instead of " << storedNumbersSeparate;
  return words.str();
}

std::optional<Sharing> sharingOf(const Distilled& distilled) {
  const auto found = distilled.metadata.find("sharing");
  if (found == distilled.metadata.end()) return std::nullopt;
  const auto json = nlohmann::json::parse(found->second, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  Sharing sharing;
  sharing.poleSets = json.value("pole_sets", 0);
  sharing.errorRatio = json.value("error_ratio", 1.0);
  sharing.largestErrorRatio = json.value("largest_error_ratio", 1.0);
  sharing.storedNumbers = json.value("stored_numbers", 0LL);
  sharing.storedNumbersSeparate = json.value("stored_numbers_separate", 0LL);
  return sharing;
}

}  // namespace analysis
