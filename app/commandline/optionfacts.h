// An option of a verb, as documentation needs it.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace commandline {

struct OptionFacts {
  std::vector<std::string> names;  // "-o", "--output"; empty for a positional
  std::string placeholder;         // "FILE", "N", or empty for a flag
  std::string description, defaultValue;
  std::vector<std::string> words;  // the values it may have, when they are few
  bool required = false;
};

std::vector<OptionFacts> optionFacts(const CLI::App& verb);
// In the order they were declared.
std::vector<const CLI::App*> verbsOf(const CLI::App& program);

}  // namespace commandline
