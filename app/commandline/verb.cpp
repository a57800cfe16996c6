#include "app/commandline/verb.h"

#include <CLI/CLI.hpp>
#include <iostream>

namespace commandline {

CLI::Option* addJson(CLI::App& verb, bool& json) {
  return verb.add_flag("--json", json, "Print one JSON document instead of tables");
}

void print(const nlohmann::ordered_json& document) {
  std::cout << document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
}

void warn(const std::string& sentence) {
  std::cerr << "polecat: warning: " << sentence << '\n';
}

}  // namespace commandline
