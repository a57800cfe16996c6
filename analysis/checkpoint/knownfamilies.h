// What this build can open, for people: help pages, the command line, the start page.
#pragma once

#include <string_view>
#include <vector>

namespace analysis {

struct KnownFamily {
  std::string_view name;        // as CheckpointReport::family spells it
  std::string_view keyPattern;  // what tells it, in canonical keys
  bool filters = false;         // it has long convolutions to look at
  bool languageModel = false;   // it is described as a language model, when nothing is missing
  std::string_view remark;
};

// In the order in which they are tried; what the readers themselves declare.
std::vector<KnownFamily> knownFamilies();

}  // namespace analysis
