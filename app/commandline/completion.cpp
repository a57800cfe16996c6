#include <CLI/CLI.hpp>

#include "app/commandline/documentation.h"
#include "app/commandline/optionfacts.h"
#include "app/commandtext.h"

namespace commandline {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// zsh reads brackets and colons inside a specification.
std::string zshEscaped(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace

std::string bashCompletion(const CLI::App& program) {
  std::string verbs, cases;
  for (const CLI::App* verb : verbsOf(program)) {
    verbs += (verbs.empty() ? "" : " ") + verb->get_name();
    std::string options, values;
    for (const OptionFacts& facts : optionFacts(*verb)) {
      for (const std::string& name : facts.names) options += (options.empty() ? "" : " ") + name;
      if (facts.words.empty()) continue;
      values += "        " + facts.names.back() + ") words=" + app::shellWord(joined(facts.words)) + " ;;\n";
    }
    cases += "    " + verb->get_name() + ")\n      options=" + app::shellWord(options) +
             "\n      case \"$before\" in\n" + values + "      esac ;;\n";
  }
  return "# bash completion of polecat\n"
         "_polecat() {\n"
         "  local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\" options= words=\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "    COMPREPLY=($(compgen -W " +
         app::shellWord(verbs + " --help --version") +
         " -- \"$word\") $(compgen -f -- \"$word\"))\n"
         "    return\n"
         "  fi\n"
         "  case \"${COMP_WORDS[1]}\" in\n" +
         cases +
         "  esac\n"
         "  if [ -n \"$words\" ]; then\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "  elif [[ \"$word\" == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
         "  else\n"
         "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
         "  fi\n"
         "}\n"
         "complete -o filenames -F _polecat polecat\n";
}

std::string zshCompletion(const CLI::App& program) {
  std::string verbs, cases;
  for (const CLI::App* verb : verbsOf(program)) {
    verbs += "    " + app::shellWord(verb->get_name() + ":" + zshEscaped(verb->get_description())) + "\n";
    cases += "    " + verb->get_name() + ")\n      _arguments";
    for (const OptionFacts& facts : optionFacts(*verb)) {
      for (const std::string& name : facts.names) {
        std::string value;
        if (!facts.words.empty()) {
          value = ":" + facts.placeholder + ":(" + joined(facts.words) + ")";
        } else if (!facts.placeholder.empty()) {
          value = ":" + facts.placeholder + ":_files";
        }
        cases += " \\\n        " + app::shellWord(name + "[" + zshEscaped(facts.description) + "]" + value);
      }
    }
    cases += " \\\n        '*:file:_files' ;;\n";
  }
  return "#compdef polecat\n"
         "local -a verbs\n"
         "verbs=(\n" +
         verbs +
         "  )\n"
         "if (( CURRENT == 2 )); then\n"
         "  _describe verb verbs\n"
         "  _files\n"
         "else\n"
         "  local verb=\"$words[2]\"\n"
         "  shift words\n"
         "  (( CURRENT-- ))\n"
         "  case \"$verb\" in\n" +
         cases +
         "  esac\n"
         "fi\n";
}

std::string fishCompletion(const CLI::App& program) {
  std::string script = "# fish completion of polecat\n";
  for (const CLI::App* verb : verbsOf(program)) {
    script += "complete -c polecat -n __fish_use_subcommand -a " + verb->get_name() + " -d " +
              app::shellWord(verb->get_description()) + "\n";
    const std::string line = "complete -c polecat -n '__fish_seen_subcommand_from " + verb->get_name() + "'";
    for (const OptionFacts& facts : optionFacts(*verb)) {
      if (facts.names.empty()) continue;
      script += line;
      for (const std::string& name : facts.names) {
        script += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (!facts.placeholder.empty()) script += " -r";
      if (!facts.words.empty()) script += " -f -a " + app::shellWord(joined(facts.words));
      script += " -d " + app::shellWord(facts.description) + "\n";
    }
  }
  return script;
}

}  // namespace commandline
