#include "manual.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sstream>

namespace dind::ctl {
namespace {

OptionManual manual_of(const CLI::Option& option) {
  OptionManual manual;
  for (const std::string& name : option.get_snames()) {
    manual.flags.push_back("-" + name);
  }
  for (const std::string& name : option.get_lnames()) {
    manual.flags.push_back("--" + name);
  }
  const bool takes_a_value = option.get_type_size() != 0;
  manual.value = takes_a_value ? option.get_type_name() : "";
  manual.by_default = takes_a_value ? option.get_default_str() : "";
  manual.says = option.get_description();
  manual.is_required = option.get_required();
  manual.may_repeat = option.get_expected_max() >= CLI::detail::expected_max_vector_size;
  return manual;
}

// A heading is a line that is not indented and ends in a colon, above indented ones.
std::vector<Section> sections_of(const std::string& text) {
  std::vector<Section> sections(1);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const bool is_heading = line.ends_with(':') && !line.starts_with(' ') && lines.peek() == ' ';
    if (is_heading) {
      line.pop_back();
      sections.push_back({line, ""});
    } else if (!line.empty() || !sections.back().text.empty()) {
      sections.back().text += line + "\n";
    }
  }
  for (Section& section : sections) {
    section.text.erase(section.text.find_last_not_of('\n') + 1);
  }
  if (sections.front().text.empty()) {
    sections.erase(sections.begin());
  }
  return sections;
}

} // namespace

VerbManual manual_of(const CLI::App& app) {
  VerbManual manual;
  if (app.get_parent() != nullptr) {
    manual.name = app.get_name();
    manual.group = app.get_group();
  }
  manual.says = app.get_description();
  for (const CLI::Option* option : app.get_options()) {
    (option->get_positional() ? manual.operands : manual.options).push_back(manual_of(*option));
  }
  manual.sections = sections_of(app.get_footer());
  return manual;
}

std::vector<CLI::App*> verbs_in(CLI::App& program) {
  return program.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<VerbManual> verbs_of(const CLI::App& program) {
  std::vector<VerbManual> verbs;
  for (const CLI::App* verb : program.get_subcommands([](const CLI::App*) { return true; })) {
    verbs.push_back(manual_of(*verb));
  }
  return verbs;
}

const CLI::App* find_verb(const CLI::App& program, const std::string& name) {
  const auto found =
      program.get_subcommands([&name](const CLI::App* verb) { return verb->get_name() == name; });
  return found.empty() ? nullptr : found.front();
}

std::string usage_of(const VerbManual& verb) {
  if (verb.name.empty()) {
    return "dindctl VERB [OPTION]... [OPERAND]...";
  }
  std::string usage = "dindctl " + verb.name;
  for (const OptionManual& option : verb.options) {
    if (option.is_required) {
      usage += fmt::format(" {} {}", option.flags.front(), option.value);
    }
  }
  usage += " [OPTION]...";
  for (const OptionManual& operand : verb.operands) {
    const std::string name = operand.value + (operand.may_repeat ? "..." : "");
    usage += operand.is_required ? " " + name : fmt::format(" [{}]", name);
  }
  return usage;
}

std::string signature_of(const OptionManual& option) {
  return fmt::format("{}{}{}", fmt::join(option.flags, ", "),
                     option.flags.empty() || option.value.empty() ? "" : " ", option.value);
}

std::vector<std::string> choices_of(const OptionManual& option) {
  std::vector<std::string> choices;
  if (option.value.find('|') != std::string::npos) {
    std::istringstream words(option.value);
    for (std::string word; std::getline(words, word, '|');) {
      choices.push_back(word);
    }
  }
  return choices;
}

} // namespace dind::ctl
