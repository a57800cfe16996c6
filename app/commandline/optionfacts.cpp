#include "app/commandline/optionfacts.h"

#include <sstream>

namespace commandline {
namespace {

// A membership check describes itself as "{a,b,c}" inside the type name.
std::vector<std::string> wordsIn(const std::string& typeName) {
  std::vector<std::string> words;
  const auto open = typeName.find('{'), close = typeName.find('}');
  if (open == typeName.npos || close == typeName.npos) return words;
  std::istringstream list(typeName.substr(open + 1, close - open - 1));
  for (std::string word; std::getline(list, word, ',');) words.push_back(word);
  return words;
}

}  // namespace

std::vector<OptionFacts> optionFacts(const CLI::App& verb) {
  std::vector<OptionFacts> facts;
  for (const CLI::Option* option : verb.get_options()) {
    OptionFacts one;
    if (option->get_positional()) {
      one.placeholder = option->get_name(true, false);
    } else {
      for (const std::string& name : option->get_snames()) one.names.push_back("-" + name);
      for (const std::string& name : option->get_lnames()) one.names.push_back("--" + name);
      const std::string type = option->get_type_name();
      if (option->get_type_size() != 0) one.placeholder = type.substr(0, type.find_first_of(": "));
      one.words = wordsIn(type);
    }
    one.description = option->get_description();
    one.defaultValue = option->get_default_str();
    one.required = option->get_required();
    facts.push_back(std::move(one));
  }
  return facts;
}

std::vector<const CLI::App*> verbsOf(const CLI::App& program) {
  return program.get_subcommands([](const CLI::App* verb) { return !verb->get_group().empty(); });
}

}  // namespace commandline
