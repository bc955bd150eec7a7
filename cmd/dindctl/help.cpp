#include "help_text.hpp"
#include "manual.hpp"
#include "usage_error.hpp"
#include "verbs.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>

namespace dind::ctl {
namespace {

constexpr const char* kHelpFooter = R"(Without VERB: of dindctl itself.

Example:
  dindctl help bake

Exit codes:
  0   done
  64  there is no such verb
  74  standard output could not be written)";

int run_help(const CLI::App& program, const std::string& word) {
  if (word.empty()) {
    fmt::print("{}", print_help(program));
    return kDone;
  }
  const CLI::App* const verb = find_verb(program, word);
  if (verb == nullptr) {
    return fail_verb(program, word);
  }
  fmt::print("{}", print_help(*verb));
  return kDone;
}

} // namespace

void add_help(CLI::App& app, int& exit_code) {
  const auto word = std::make_shared<std::string>();
  CLI::App* const verb = app.add_subcommand("help", "tells how a verb is used");
  verb->add_option("verb", *word, "the verb")->type_name("VERB");
  verb->footer(kHelpFooter);
  verb->callback([&app, word, &exit_code] { exit_code = run_help(app, *word); });
}

} // namespace dind::ctl
