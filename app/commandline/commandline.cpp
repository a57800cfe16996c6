#include "app/commandline/commandline.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <new>
#include <string>
#include <string_view>

#include "analysis/error.h"
#include "analysis/task.h"
#include "app/commandline/interrupts.h"
#include "app/commandline/verb.h"
#include "engine/error.h"

namespace commandline {
namespace {

constexpr auto description =
    "Polecat opens models whose layers are long convolutions, distils their filters to state-space models and runs "
    "both "
    "side by side. With files only, or nothing, it opens the window; with a verb it needs no display.";

constexpr auto footer =
    "Exit codes: 0 ok, 2 usage, 3 input, 4 numerical, 5 device, 6 output, 130 stopped.\n"
    "A filter is named LAYER.CHANNEL, or LAYER.OPERATOR.CHANNEL where a block has several operators; lists, ranges and "
    "stars are allowed: '0-3.*,5.17'.\n"
    "A sample lies in share/polecat/sample: novels-hyena-1m.ckpt and novels-validation.txt.";

void declare(CLI::App& app, Action& chosen) {
  app.name("polecat");
  app.set_version_flag("--version", "polecat " POLECAT_VERSION);
  app.footer(footer);
  app.require_subcommand(1);
  for (const auto add : {addInspect, addDistill, addEvaluate, addGenerate, addPlot, addCompare, addMethods,
                         addFamilies, addDevices, addBench, addDocument})
    add(app, chosen);
  for (CLI::App* verb : app.get_subcommands({})) verb->footer(footer);
}

Exit exitOf(analysis::ErrorKind kind) {
  switch (kind) {
    case analysis::ErrorKind::input:
      return Exit::input;
    case analysis::ErrorKind::numerical:
      return Exit::numerical;
    case analysis::ErrorKind::output:
      return Exit::output;
  }
  return Exit::internal;
}

Exit exitOf(engine::ErrorKind kind) {
  switch (kind) {
    case engine::ErrorKind::input:
    case engine::ErrorKind::unsupported:
      return Exit::input;
    case engine::ErrorKind::memory:
    case engine::ErrorKind::device:
      return Exit::device;
  }
  return Exit::internal;
}

Exit fail(Exit exit, std::string sentence) {
  std::replace(sentence.begin(), sentence.end(), '\n', ' ');
  std::cout.flush();
  std::cerr << "polecat: " << sentence << '\n';
  return exit;
}

// A sentence when the first word is neither an option nor a verb; CLI11 would only say that a verb is missing.
std::string unknownVerb(const CLI::App& app, int argc, const char* const* argv) {
  const std::string first = argc > 1 ? argv[1] : "";
  if (first.starts_with('-')) {
    if (app.get_option_no_throw(first)) return {};
    return "'" + first + "' is no option of polecat itself; name a verb first, and 'polecat --help' tells more.";
  }
  std::string names;
  for (const CLI::App* verb : app.get_subcommands({})) {
    if (verb->get_name() == first) return {};
    if (!verb->get_group().empty()) names += (names.empty() ? "" : ", ") + verb->get_name();
  }
  return (first.empty() ? "a verb is missing" : "'" + first + "' is no verb") + "; there are " + names +
         ", and 'polecat --help' tells more.";
}

// False when only help or the version was asked for.
bool parse(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
    return true;
  } catch (const CLI::Success& printed) {
    app.exit(printed);
    return false;
  }
}

Exit perform(const Action& action) {
  const Interrupts interrupts;
  action({interrupts.token()});
  std::cout.flush();
  if (!std::cout) {
    throw analysis::Error(analysis::ErrorKind::output, "standard output", "it could not be written completely",
                          "check that it leads somewhere with free space");
  }
  return Exit::ok;
}

}  // namespace

bool isRequested(int argc, const char* const* argv) {
  if (argc < 2) return false;
  const std::string_view first = argv[1];
  if (first.starts_with('-')) return first != "--";
  CLI::App app;
  Action unused;
  declare(app, unused);
  for (const CLI::App* verb : app.get_subcommands({})) {
    if (verb->get_name() == first) return true;
  }
  std::error_code ignored;
  return first.find_first_of("./") == first.npos && !std::filesystem::exists(first, ignored);
}

int run(int argc, const char* const* argv) {
  return static_cast<int>([&] {
    CLI::App app(description);
    Action chosen;
    try {
      declare(app, chosen);
      if (const std::string mistyped = unknownVerb(app, argc, argv); !mistyped.empty()) {
        return fail(Exit::usage, mistyped);
      }
      return parse(app, argc, argv) ? perform(chosen) : Exit::ok;
    } catch (const CLI::ParseError& error) {
      return fail(Exit::usage, std::string(error.what()) + "; 'polecat --help' and 'polecat VERB --help' tell more.");
    } catch (const UsageError& error) {
      return fail(Exit::usage, error.what());
    } catch (const analysis::Error& error) {
      return fail(exitOf(error.kind()), error.what());
    } catch (const engine::Error& error) {
      return fail(exitOf(error.kind()), error.what());
    } catch (const analysis::Stopped&) {
      return fail(Exit::interrupted, "stopped on request; nothing was left half written.");
    } catch (const std::bad_alloc&) {
      return fail(Exit::device,
                  "memory: this machine has too little for what was asked; try fewer filters, a smaller "
                  "batch or fewer tokens.");
    } catch (const std::exception& error) {
      return fail(Exit::internal, std::string("internal fault: ") + error.what() + "; please report it.");
    }
  }());
}

}  // namespace commandline
