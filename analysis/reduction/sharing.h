// What common poles cost and save, beside a distilled checkpoint that has them.
#pragma once

#include <optional>
#include <string>

#include "analysis/reduction/distilled.h"

namespace analysis {

struct Sharing {
  int poleSets = 0;
  double errorRatio = 1, largestErrorRatio = 1;  // errors over those of separate fits of the asked orders: mean, largest
  long long storedNumbers = 0, storedNumbersSeparate = 0;

  std::string toJson() const;    // as the metadata hold it
  std::string sentence() const;  // for people
};

// From the metadata; none when every filter has poles of its own.
std::optional<Sharing> sharingOf(const Distilled&);

}  // namespace analysis
