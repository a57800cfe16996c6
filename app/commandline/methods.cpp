// polecat methods: the ways to fit a filter that this build knows.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "app/commandline/methodlist.h"
#include "app/commandline/table.h"
#include "app/commandline/verb.h"

namespace commandline {
namespace {

void listMethods(bool json) {
  if (json) {
    const auto listOf = [](const std::vector<FitMethod>& methods) {
      auto list = nlohmann::ordered_json::array();
      for (const FitMethod& method : methods) {
        list.push_back({{"name", method.name},
                        {"title", method.title},
                        {"source", method.source},
                        {"cost", method.cost},
                        {"slow", method.slow}});
      }
      return list;
    };
    return print({{"schema", 1}, {"methods", listOf(fitMethods())}, {"forms", listOf(otherForms())}});
  }
  Table table({"<method", "<title", "<speed", "<source"});
  for (const FitMethod& method : fitMethods()) {
    table.row({method.name, method.title, method.slow ? "slow" : "fast", method.source});
  }
  table.print(std::cout);
  std::cout << "\nOther forms of model at equal cost, for 'polecat compare':\n\n";
  Table forms({"<form", "<title", "<source"});
  for (const FitMethod& form : otherForms()) forms.row({form.name, form.title, form.source});
  forms.print(std::cout);
}

}  // namespace

void addMethods(CLI::App& parent, Action& chosen) {
  CLI::App* verb = parent.add_subcommand("methods", "List the ways to fit a filter");
  auto json = std::make_shared<bool>(false);
  addJson(*verb, *json);
  verb->callback([json, &chosen] { chosen = [json](const Surroundings&) { listMethods(*json); }; });
}

}  // namespace commandline
