// polecat document: the manual page, the shell completions and the help page of the keys on stdout. For packages and help;
// not in the list of verbs.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "app/commandline/documentation.h"
#include "app/commandline/verb.h"

namespace commandline {

void addDocument(CLI::App& parent, Action& chosen) {
  CLI::App* verb = parent.add_subcommand("document", "Print the manual page, a shell completion, or the keys")->group("");
  auto kind = std::make_shared<std::string>();
  verb->add_option("KIND", *kind, "What to print")->required()->check(CLI::IsMember({"man", "bash", "zsh", "fish", "keys"}));
  verb->callback([kind, &parent, &chosen] {
    chosen = [kind, &parent](const Surroundings&) {
      std::cout << (*kind == "man"    ? manualPage(parent)
                    : *kind == "bash" ? bashCompletion(parent)
                    : *kind == "zsh"  ? zshCompletion(parent)
                    : *kind == "fish" ? fishCompletion(parent)
                                      : keyPage());
    };
  });
}

}  // namespace commandline
