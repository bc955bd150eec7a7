#include "choice.hpp"
#include "completion_script.hpp"
#include "verbs.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>

namespace dind::ctl {
namespace {

constexpr const char* kCompletionFooter = R"(Examples:
  . <(dindctl completion bash)
  dindctl completion bash > /etc/bash_completion.d/dindctl
  dindctl completion zsh > /usr/local/share/zsh/site-functions/_dindctl
  dindctl completion fish > ~/.config/fish/completions/dindctl.fish

Exit codes:
  0   done
  64  usage
  74  standard output could not be written)";

} // namespace

void add_completion(CLI::App& app, int& exit_code) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* const verb =
      app.add_subcommand("completion", "prints what a shell reads to complete dindctl's arguments");
  add_choice(*verb, "shell", *shell, shells(), "the shell")->required();
  verb->footer(kCompletionFooter);
  verb->callback([&app, shell, &exit_code] {
    fmt::print("{}", print_completion(app, *shell));
    exit_code = kDone;
  });
}

} // namespace dind::ctl
