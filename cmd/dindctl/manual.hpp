#pragma once

#include <CLI/App.hpp>

#include <string>
#include <vector>

namespace dind::ctl {

// What --help, the man pages and the completions tell of an option or an operand.
struct OptionManual {
  std::vector<std::string> flags; // "-o", "--output"; none of an operand
  std::string value;              // "DIR", or "auto|plain"; empty where it takes none
  std::string says;
  std::string by_default; // empty where there is none
  bool is_required = false;
  bool may_repeat = false;
};

// A part of the text below the options. What the text has indented is to stay as it is.
struct Section {
  std::string heading; // "Examples"; empty of what comes before the first heading
  std::string text;
};

struct VerbManual {
  std::string name; // empty of the program itself
  std::string group;
  std::string says;
  std::vector<OptionManual> operands;
  std::vector<OptionManual> options;
  std::vector<Section> sections;
};

// Of the program, or of one verb.
VerbManual manual_of(const CLI::App& app);

// In the order in which they were defined.
std::vector<CLI::App*> verbs_in(CLI::App& program);
std::vector<VerbManual> verbs_of(const CLI::App& program);

// Null if there is no such verb.
const CLI::App* find_verb(const CLI::App& program, const std::string& name);

// "dindctl bake -o DIR [OPTION]... SOURCE..."
std::string usage_of(const VerbManual& verb);

// "-o, --output DIR"
std::string signature_of(const OptionManual& option);

// The words that are allowed for it; none where it takes any.
std::vector<std::string> choices_of(const OptionManual& option);

} // namespace dind::ctl
