#include "failure.hpp"
#include "help_text.hpp"
#include "manual.hpp"
#include "standard_streams.hpp"
#include "usage_error.hpp"
#include "verbs.hpp"

#include <archive/libraries.hpp>
#include <base/version.hpp>

#include <boost/filesystem/path.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <string>
#include <system_error>
#include <tuple>
#include <vector>

namespace dind::ctl {
namespace {

constexpr const char* kProgramFooter = R"(`dindctl VERB --help` tells the rest, with examples.

Exit codes:
  0   done, or: it holds
  1   what was asked does not hold, or was done in part
  64  usage
  65  bad input data
  74  the system refused: no such file, no room, no permission; or standard output
      could not be written)";

// For bug reports. The libraries are linked in.
std::string version_text() {
  return fmt::format("dindctl {}\ncommit {}\nBoost {}.{}.{}, CLI11 {}, fmt {}.{}.{}, {}", version(),
                     commit(), BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000,
                     BOOST_VERSION % 100, CLI11_VERSION, FMT_VERSION / 10000,
                     FMT_VERSION / 100 % 100, FMT_VERSION % 100, archive::libraries());
}

struct Group {
  const char* name;
  std::vector<void (*)(CLI::App&, int&)> verbs;
};

void add_verbs(CLI::App& app, int& exit_code) {
  const std::vector<Group> groups = {
      {"Caches and images", {add_bake, add_image, add_inspect, add_verify}},
      {"A host and its data root", {add_probe, add_doctor, add_seed}},
      {"A dind-init that runs",
       {add_status, add_plot, add_ready, add_live, add_wait, add_registry}},
      {"Help", {add_help, add_completion, add_man}}};
  for (const Group& group : groups) {
    for (const auto add : group.verbs) {
      add(app, exit_code);
      verbs_in(app).back()->group(group.name);
    }
  }
}

// What was asked of the program itself, or of a verb's page.
int answer(const CLI::App& app, const CLI::Success& asked) {
  const bool is_version = dynamic_cast<const CLI::CallForVersion*>(&asked) != nullptr;
  fmt::print("{}", is_version ? fmt::format("{}\n", asked.what()) : app.help());
  return kDone;
}

int parse_and_run(CLI::App& app, int argc, char** argv, const int& exit_code) {
  if (argc < 2) {
    fmt::print(stderr, "{}", print_help(app));
    return kUsage;
  }
  const std::string word = argv[1];
  if (!word.starts_with('-') && find_verb(app, word) == nullptr) {
    return fail_verb(app, word);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return answer(app, asked);
  } catch (const CLI::ParseError& failure) {
    return fail_parsing(app, failure);
  }
  return exit_code;
}

std::string verb_of(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return parsed.empty() ? "" : parsed.front()->get_name();
}

int run(int argc, char** argv) {
  hold_standard_streams();
  CLI::App app(
      "Bakes images into caches for dind-init, and tells what a host can do and how a boot went.",
      "dindctl");
  app.set_version_flag("--version", version_text(),
                       "tells the version of dindctl, and what is in it");
  app.set_help_flag("-h,--help", "tells this, and nothing else is done");
  app.require_subcommand(1);
  app.formatter_fn([](const CLI::App* about, const std::string&, CLI::AppFormatMode) {
    return print_help(*about);
  });
  app.footer(kProgramFooter);
  int exit_code = kDone;
  add_verbs(app, exit_code);
  try {
    const int code = parse_and_run(app, argc, argv, exit_code);
    return finish_output(verb_of(app), code);
  } catch (const std::system_error& failure) {
    if (std::ferror(stdout) == 0) {
      throw;
    }
    return fail(verb_of(app), Error("write standard output", failure.code().value()));
  }
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
