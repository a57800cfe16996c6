// polecat families: the models and file formats that this build can read.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "analysis/checkpoint/knownfamilies.h"
#include "app/commandline/table.h"
#include "app/commandline/verb.h"

namespace commandline {
namespace {

void listFamilies(bool json) {
  if (json) {
    auto list = nlohmann::ordered_json::array();
    for (const analysis::KnownFamily& family : analysis::knownFamilies()) {
      list.push_back({{"name", family.name},
                      {"recognisedBy", family.keyPattern},
                      {"filters", family.filters},
                      {"languageModel", family.languageModel},
                      {"remark", family.remark}});
    }
    return print({{"schema", 1}, {"families", std::move(list)}});
  }
  Table table({"<family", "<filters", "<language model", "<recognised by", "<remark"});
  for (const analysis::KnownFamily& family : analysis::knownFamilies()) {
    table.row({std::string(family.name), family.filters ? "yes" : "no", family.languageModel ? "yes" : "no",
               std::string(family.keyPattern), std::string(family.remark)});
  }
  table.print(std::cout);
}

}  // namespace

void addFamilies(CLI::App& parent, Action& chosen) {
  CLI::App* verb = parent.add_subcommand("families", "List the models that can be opened");
  auto json = std::make_shared<bool>(false);
  addJson(*verb, *json);
  verb->callback([json, &chosen] { chosen = [json](const Surroundings&) { listFamilies(*json); }; });
}

}  // namespace commandline
