#include "verbs.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <string>
#include <tuple>

namespace dind::ctl {
namespace {

std::string one_line(const CLI::App*, const CLI::Error& failure) {
  return fmt::format("dindctl: {}; see dindctl --help\n", failure.what());
}

// CLI11 has exit codes of its own; ours are documented.
int report(const CLI::App& app, const CLI::ParseError& outcome) {
  return app.exit(outcome) == 0 ? kDone : kUsage; // 0: --help or --version
}

bool is_unknown_verb(const CLI::App& app, const std::string& word) {
  const auto has_name = [&](const CLI::App* verb) { return verb->get_name() == word; };
  return !word.starts_with('-') && app.get_subcommands(has_name).empty();
}

int run(int argc, char** argv) {
  CLI::App app(
      "Bakes images into caches for dind-init, and tells what a host can do and how a boot went.",
      "dindctl");
  app.set_version_flag("--version", "dindctl " DIND_VERSION);
  app.require_subcommand(1);
  app.failure_message(one_line);
  app.footer("Exit codes: 0 done; 1 the thing asked about does not hold; 64 usage; 65 bad input "
             "data; 74 I/O error.");

  int exit_code = kDone;
  add_bake(app, exit_code);
  add_image(app, exit_code);
  add_inspect(app, exit_code);
  add_verify(app, exit_code);
  add_probe(app, exit_code);
  add_seed(app, exit_code);
  add_status(app, exit_code);
  add_doctor(app, exit_code);
  add_plot(app, exit_code);
  add_ready(app, exit_code);
  add_live(app, exit_code);
  add_wait(app, exit_code);
  if (argc > 1 && is_unknown_verb(app, argv[1])) {
    fmt::print(stderr, "dindctl: there is no verb {}; see dindctl --help\n", argv[1]);
    return kUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& outcome) {
    return report(app, outcome);
  }
  return exit_code;
}

} // namespace
} // namespace dind::ctl

int main(int argc, char** argv) {
  try {
    return dind::ctl::run(argc, argv);
  } catch (const std::exception& failure) {
    std::ignore = std::fprintf(stderr, "dindctl: %s\n", failure.what());
  } catch (...) {
    std::ignore = std::fputs("dindctl: unknown failure\n", stderr);
  }
  return dind::ctl::kIoError;
}
