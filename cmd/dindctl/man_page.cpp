#include "man_page.hpp"

#include "manual.hpp"

#include <base/version.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <sstream>

namespace dind::ctl {
namespace {

// roff gives meaning to a backslash, to what begins a line, and takes these for typography.
std::string escape(std::string_view text) {
  std::string out = text.starts_with('.') || text.starts_with('\'') ? "\\&" : "";
  for (const char each : text) {
    switch (each) {
    case '\\':
      out += "\\e";
      break;
    case '-':
      out += "\\-";
      break;
    case '`':
      out += "\\(ga";
      break;
    case '\'':
      out += "\\(aq";
      break;
    case '^':
      out += "\\(ha";
      break;
    case '~':
      out += "\\(ti";
      break;
    default:
      out += each;
    }
  }
  return out;
}

std::string capitals(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char each) { return static_cast<char>(std::toupper(each)); });
  return text;
}

std::string print_entry(const std::string& term, const std::string& says) {
  return fmt::format(".TP\n{}\n{}\n", term, escape(says));
}

std::string man_option(const OptionManual& option) {
  std::string term;
  for (const std::string& flag : option.flags) {
    term += fmt::format("{}\\fB{}\\fR", term.empty() ? "" : ", ", escape(flag));
  }
  if (!option.value.empty()) {
    term += fmt::format("{}\\fI{}\\fR", term.empty() ? "" : " ", escape(option.value));
  }
  const std::string by_default =
      option.by_default.empty() ? "" : fmt::format(" [{}]", option.by_default);
  return print_entry(term, option.says + by_default);
}

std::string man_options(std::string_view heading, const std::vector<OptionManual>& options) {
  std::string out = options.empty() ? "" : fmt::format(".SH {}\n", heading);
  for (const OptionManual& option : options) {
    out += man_option(option);
  }
  return out;
}

// Lines that are indented stay as they are, the others are paragraphs.
std::string print_text(const std::string& text) {
  std::string out;
  std::istringstream lines(text);
  bool is_block = false;
  for (std::string line; std::getline(lines, line);) {
    const bool is_indented = line.starts_with("  ");
    if (is_indented != is_block && !line.empty()) {
      out += is_indented ? ".RS 2\n.nf\n" : ".fi\n.RE\n.PP\n";
      is_block = is_indented;
    }
    if (line.empty()) {
      out += is_block ? "\n" : ".PP\n";
    } else {
      out += escape(is_indented ? line.substr(2) : line) + "\n";
    }
  }
  return out + (is_block ? ".fi\n.RE\n" : "");
}

std::string man_sections(const VerbManual& manual) {
  std::string out;
  for (const Section& section : manual.sections) {
    out += fmt::format(".SH {}\n", section.heading.empty()           ? "DESCRIPTION"
                                   : section.heading == "Exit codes" ? "EXIT STATUS"
                                                                     : capitals(section.heading));
    out += print_text(section.text);
  }
  return out;
}

std::string man_verbs(const CLI::App& program) {
  std::string out;
  std::string group;
  for (const VerbManual& verb : verbs_of(program)) {
    if (verb.group != group) {
      group = verb.group;
      out += fmt::format(".SH {}\n", capitals(group));
    }
    out += print_entry(fmt::format("\\fB{}\\fR", escape(verb.name)), verb.says);
  }
  return out;
}

} // namespace

std::string print_man_page(const CLI::App& app) {
  const VerbManual manual = manual_of(app);
  const std::string name = manual.name.empty() ? "dindctl" : "dindctl-" + manual.name;
  return fmt::format(".TH {} 1 \"\" \"dind\\-init {}\" \"dind\\-init\"\n"
                     ".SH NAME\n{} \\- {}\n.SH SYNOPSIS\n.B {}\n",
                     capitals(escape(name)), version(), escape(name), escape(manual.says),
                     escape(usage_of(manual))) +
         man_verbs(app) + man_options("OPERANDS", manual.operands) +
         man_options("OPTIONS", manual.options) + man_sections(manual) +
         (manual.name.empty() ? "" : ".SH SEE ALSO\n.BR dindctl (1)\n");
}

} // namespace dind::ctl
