#include "help_text.hpp"

#include "manual.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <sstream>

namespace dind::ctl {
namespace {

constexpr std::size_t kHelpWidth = 80;
constexpr std::size_t kColumn = 28; // where what is said of an option begins

// Lines of words that fit between `kColumn` and the right margin.
std::vector<std::string> wrap(const std::string& text) {
  std::vector<std::string> lines(1);
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (!lines.back().empty() && lines.back().size() + 1 + word.size() > kHelpWidth - kColumn) {
      lines.emplace_back();
    }
    lines.back() += (lines.back().empty() ? "" : " ") + word;
  }
  return lines;
}

std::string print_row(const std::string& left, const std::string& right) {
  std::string out = "  " + left;
  if (out.size() + 2 > kColumn) {
    out += "\n";
    out += std::string(kColumn, ' ');
  } else {
    out += std::string(kColumn - out.size(), ' ');
  }
  bool is_first = true;
  for (const std::string& line : wrap(right)) {
    out += (is_first ? "" : std::string(kColumn, ' ')) + line + "\n";
    is_first = false;
  }
  return out;
}

std::string print_option(const OptionManual& option) {
  std::string says = option.says;
  if (!option.by_default.empty()) {
    says += fmt::format(" [{}]", option.by_default);
  }
  return print_row(signature_of(option), says);
}

std::string print_options(std::string_view heading, const std::vector<OptionManual>& options) {
  std::string out = options.empty() ? "" : fmt::format("\n{}:\n", heading);
  for (const OptionManual& option : options) {
    out += print_option(option);
  }
  return out;
}

std::string print_sections(const VerbManual& manual) {
  std::string out;
  for (const Section& section : manual.sections) {
    out += section.heading.empty() ? "\n" : fmt::format("\n{}:\n", section.heading);
    out += section.text + "\n";
  }
  return out;
}

std::string print_verbs(const CLI::App& program) {
  std::string out;
  std::string group;
  for (const VerbManual& verb : verbs_of(program)) {
    if (verb.group != group) {
      group = verb.group;
      out += fmt::format("\n{}:\n", group);
    }
    out += print_row(verb.name, verb.says);
  }
  return out;
}

} // namespace

std::string print_help(const CLI::App& app) {
  const VerbManual manual = manual_of(app);
  return fmt::format("{}{}\n\nUsage: {}\n", manual.name.empty() ? "" : manual.name + ": ",
                     manual.says, usage_of(manual)) +
         print_verbs(app) + print_options("Operands", manual.operands) +
         print_options("Options", manual.options) + print_sections(manual);
}

} // namespace dind::ctl
