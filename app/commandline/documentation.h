// Manual page and shell completions, made from the declarations of the verbs, and the page of the keys, made from the
// actions of the window, so that they cannot disagree with them.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace commandline {

// polecat.1, in the man macros.
std::string manualPage(const CLI::App& program);
// Completion scripts: verbs, options, the words an option may have, and file names.
std::string bashCompletion(const CLI::App& program);
std::string zshCompletion(const CLI::App& program);
std::string fishCompletion(const CLI::App& program);
// The help page of the keys, in Markdown: every action of the window that has one, by menu. Makes a window that nobody
// sees, with the settings of a fresh installation.
std::string keyPage();

}  // namespace commandline
