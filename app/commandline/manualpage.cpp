#include <CLI/CLI.hpp>

#include "app/commandline/documentation.h"
#include "app/commandline/optionfacts.h"

namespace commandline {
namespace {

// A hyphen in roff is typographic unless escaped; a line that starts with a dot or quote would be a macro.
std::string roff(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '-') {
      escaped += "\\-";
    } else if (c == '\\') {
      escaped += "\\e";
    } else if ((c == '.' || c == '\'') && (escaped.empty() || escaped.back() == '\n')) {
      escaped += std::string("\\&") + c;
    } else if (c == '\n') {
      escaped += "\n.br\n";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string option(const OptionFacts& facts) {
  std::string heading;
  for (const std::string& name : facts.names) heading += (heading.empty() ? "\\fB" : ", \\fB") + roff(name) + "\\fR";
  if (!facts.placeholder.empty()) heading += (heading.empty() ? "\\fI" : " \\fI") + roff(facts.placeholder) + "\\fR";
  std::string text = ".TP\n" + heading + "\n" + roff(facts.description);
  for (std::size_t i = 0; i < facts.words.size(); ++i) text += (i ? ", " : ": ") + roff(facts.words[i]);
  if (!facts.defaultValue.empty()) text += " (default " + roff(facts.defaultValue) + ")";
  if (facts.required) text += " (required)";
  return text + "\n";
}

}  // namespace

std::string manualPage(const CLI::App& program) {
  std::string page = ".TH POLECAT 1 \"\" \"polecat " POLECAT_VERSION "\" \"User commands\"\n";
  page += ".SH NAME\npolecat \\- workbench for models whose layers are long convolutions\n";
  page += ".SH SYNOPSIS\n.B polecat\n.RI [ FILE ]\n.br\n.B polecat\n.I VERB\n.RI [ OPTIONS ]\n";
  page += ".SH DESCRIPTION\n" + roff(program.get_description()) + "\n.SH VERBS\n";
  for (const CLI::App* verb : verbsOf(program)) {
    page += ".SS polecat " + roff(verb->get_name()) + "\n" + roff(verb->get_description()) + ".\n";
    for (const OptionFacts& facts : optionFacts(*verb)) page += option(facts);
  }
  return page + ".SH NOTES\n" + roff(program.get_footer()) + "\n";
}

}  // namespace commandline
