// polecat document: the manual page and the shell completions on stdout. For packages; not in the list of verbs.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "app/commandline/documentation.h"
#include "app/commandline/verb.h"

namespace commandline {

void addDocument(CLI::App& parent, Action& chosen) {
  CLI::App* verb = parent.add_subcommand("document", "Print the manual page or a shell completion")->group("");
  auto kind = std::make_shared<std::string>();
  verb->add_option("KIND", *kind, "What to print")->required()->check(CLI::IsMember({"man", "bash", "zsh", "fish"}));
  verb->callback([kind, &parent, &chosen] {
    chosen = [kind, &parent](const Surroundings&) {
      std::cout << (*kind == "man"    ? manualPage(parent)
                    : *kind == "bash" ? bashCompletion(parent)
                    : *kind == "zsh"  ? zshCompletion(parent)
                                      : fishCompletion(parent));
    };
  });
}

}  // namespace commandline
