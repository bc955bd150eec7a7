#include "man_page.hpp"
#include "manual.hpp"
#include "usage_error.hpp"
#include "verbs.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>

namespace dind::ctl {
namespace {

constexpr const char* kManFooter = R"(Without VERB: the page of dindctl itself.

Examples:
  dindctl man bake | man -l -
  dindctl man > /usr/local/share/man/man1/dindctl.1

Exit codes:
  0   done
  64  there is no such verb
  74  standard output could not be written)";

} // namespace

void add_man(CLI::App& app, int& exit_code) {
  const auto word = std::make_shared<std::string>();
  CLI::App* const verb = app.add_subcommand("man", "prints a manual page");
  verb->add_option("verb", *word, "the verb")->type_name("VERB");
  verb->footer(kManFooter);
  verb->callback([&app, word, &exit_code] {
    const CLI::App* const about = word->empty() ? &app : find_verb(app, *word);
    if (about == nullptr) {
      exit_code = fail_verb(app, *word);
      return;
    }
    fmt::print("{}", print_man_page(*about));
    exit_code = kDone;
  });
}

} // namespace dind::ctl
