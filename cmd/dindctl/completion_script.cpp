#include "completion_script.hpp"

#include "manual.hpp"

#include <base/version.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace dind::ctl {
namespace {

using Verbs = std::vector<VerbManual>;

// Whether the shell is to complete the names of files for it.
bool is_file(const OptionManual& option) {
  constexpr std::array kFiles = {"DIR", "FILE", "PATH", "SOURCE", "TARGET", "oci:DIR[:REF]"};
  return std::find(kFiles.begin(), kFiles.end(), option.value) != kFiles.end();
}

std::vector<std::string> verb_names_of(const Verbs& verbs) {
  std::vector<std::string> names;
  std::transform(verbs.begin(), verbs.end(), std::back_inserter(names),
                 [](const VerbManual& verb) { return verb.name; });
  return names;
}

// The words that may be its value.
std::vector<std::string> words_of(const OptionManual& option, const Verbs& verbs) {
  return option.value == "VERB" ? verb_names_of(verbs) : choices_of(option);
}

std::vector<std::string> operand_words_of(const VerbManual& verb, const Verbs& verbs) {
  return verb.operands.empty() ? std::vector<std::string>()
                               : words_of(verb.operands.front(), verbs);
}

// Between single quotes.
std::string in_quotes(const std::string& text, std::string_view to_escape = "") {
  std::string out = "'";
  for (const char each : text) {
    if (each == '\'') {
      out += "'\\''";
      continue;
    }
    if (to_escape.find(each) != std::string_view::npos) {
      out += '\\';
    }
    out += each;
  }
  return out + "'";
}

// Where there are no words, readline completes names of files.
std::string print_bash(const Verbs& verbs) {
  std::string values;
  std::string options;
  for (const VerbManual& verb : verbs) {
    std::vector<std::string> flags;
    for (const OptionManual& option : verb.options) {
      flags.insert(flags.end(), option.flags.begin(), option.flags.end());
      const auto words = words_of(option, verbs);
      for (const std::string& flag : option.flags) {
        if (!words.empty()) {
          values +=
              fmt::format("    '{} {}') words='{}' ;;\n", verb.name, flag, fmt::join(words, " "));
        }
      }
    }
    options += fmt::format("    '{0} '-*) words='{1}' ;;\n    '{0} '*) words='{2}' ;;\n", verb.name,
                           fmt::join(flags, " "), fmt::join(operand_words_of(verb, verbs), " "));
  }
  return fmt::format(R"(_dindctl() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} words=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='{} --help --version'
  else
    case "${{COMP_WORDS[1]}} ${{COMP_WORDS[COMP_CWORD - 1]}}" in
{}    *) case "${{COMP_WORDS[1]}} $current" in
{}    esac ;;
    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}
complete -o default -F _dindctl dindctl
)",
                     fmt::join(verb_names_of(verbs), " "), values, options);
}

std::string zsh_action(const OptionManual& option, const Verbs& verbs) {
  const auto words = words_of(option, verbs);
  return !words.empty()    ? fmt::format("({})", fmt::join(words, " "))
         : is_file(option) ? "_files"
                           : " ";
}

std::string zsh_option(const OptionManual& option, const Verbs& verbs) {
  std::string out =
      option.may_repeat ? "'*'" : in_quotes(fmt::format("({})", fmt::join(option.flags, " ")));
  out += option.flags.size() > 1 ? fmt::format("{{{}}}", fmt::join(option.flags, ","))
                                 : option.flags.front();
  std::string says = "[";
  for (const char each : option.says) {
    says += each == '[' || each == ']' || each == ':' ? fmt::format("\\{}", each)
                                                      : std::string(1, each);
  }
  says += "]";
  if (!option.value.empty()) {
    std::string value;
    for (const char each : option.value) {
      value += each == ':' ? "\\:" : std::string(1, each);
    }
    says += fmt::format(":{}:{}", value, zsh_action(option, verbs));
  }
  return out + in_quotes(says);
}

std::string print_zsh(const Verbs& verbs) {
  std::string described;
  std::string cases;
  for (const VerbManual& verb : verbs) {
    described += fmt::format("    {}\n", in_quotes(fmt::format("{}:{}", verb.name, verb.says)));
    cases += fmt::format("  {}) _arguments", verb.name);
    for (const OptionManual& option : verb.options) {
      cases += " \\\n    " + zsh_option(option, verbs);
    }
    for (const OptionManual& operand : verb.operands) {
      cases += fmt::format(" \\\n    '{}:{}:{}'", operand.may_repeat ? "*" : "1", operand.value,
                           zsh_action(operand, verbs));
    }
    cases += " ;;\n";
  }
  return fmt::format(R"(#compdef dindctl
_dindctl() {{
  local -a verbs=(
{}  )
  if (( CURRENT == 2 )); then
    _describe verb verbs
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
{}  esac
}}
if [ "$funcstack[1]" = _dindctl ]; then
  _dindctl "$@"
else
  compdef _dindctl dindctl
fi
)",
                     described, cases);
}

// What follows "-n CONDITION" for its value.
std::string fish_value(const OptionManual& option, const Verbs& verbs) {
  const auto words = words_of(option, verbs);
  return !words.empty()
             ? fmt::format(" -x -a {}", in_quotes(fmt::format("{}", fmt::join(words, " "))))
         : is_file(option)      ? " -r -F"
         : option.value.empty() ? ""
                                : " -x";
}

std::string print_fish(const Verbs& verbs) {
  std::string out = "complete -c dindctl -f\n";
  for (const VerbManual& verb : verbs) {
    out += fmt::format("complete -c dindctl -n __fish_use_subcommand -a {} -d {}\n", verb.name,
                       in_quotes(verb.says, "\\"));
    const std::string of_verb =
        fmt::format("complete -c dindctl -n '__fish_seen_subcommand_from {}'", verb.name);
    for (const OptionManual& option : verb.options) {
      out += of_verb;
      for (const std::string& flag : option.flags) {
        out += flag.starts_with("--") ? " -l " + flag.substr(2) : " -s " + flag.substr(1);
      }
      out += fmt::format("{} -d {}\n", fish_value(option, verbs), in_quotes(option.says, "\\"));
    }
    for (const OptionManual& operand : verb.operands) {
      const auto words = words_of(operand, verbs);
      out += words.empty() ? of_verb + " -F\n"
                           : fmt::format("{} -a '{}'\n", of_verb, fmt::join(words, " "));
    }
  }
  return out;
}

} // namespace

std::vector<std::string> shells() {
  return {"bash", "zsh", "fish"};
}

std::string print_completion(const CLI::App& program, const std::string& shell) {
  const Verbs verbs = verbs_of(program);
  return shell == "bash"  ? print_bash(verbs)
         : shell == "zsh" ? print_zsh(verbs)
                          : print_fish(verbs);
}

} // namespace dind::ctl
