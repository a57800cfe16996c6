// What every verb is made of: a function that declares its options, and an action that runs when they are parsed.
// Options, help, completion and manual page come from the same declarations.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <stop_token>
#include <string>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace commandline {

// The surroundings of a running verb.
struct Surroundings {
  std::stop_token stop;
};

using Action = std::function<void(const Surroundings&)>;

// Options that contradict each other or make no sense; one sentence. Exit code 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Each declares one verb below `parent` and sets `chosen` when the user asked for it.
void addInspect(CLI::App& parent, Action& chosen);
void addDistill(CLI::App& parent, Action& chosen);
void addEvaluate(CLI::App& parent, Action& chosen);
void addGenerate(CLI::App& parent, Action& chosen);
void addPlot(CLI::App& parent, Action& chosen);
void addCompare(CLI::App& parent, Action& chosen);
void addMethods(CLI::App& parent, Action& chosen);
void addFamilies(CLI::App& parent, Action& chosen);
void addDevices(CLI::App& parent, Action& chosen);
void addBench(CLI::App& parent, Action& chosen);
void addDocument(CLI::App& parent, Action& chosen);

// "--json": one document on stdout in place of tables.
CLI::Option* addJson(CLI::App&, bool& json);
// Prints it on stdout, indented, with bytes that are no UTF-8 replaced.
void print(const nlohmann::ordered_json&);
// Warnings are one line on stderr.
void warn(const std::string& sentence);

}  // namespace commandline
