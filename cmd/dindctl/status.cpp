#include "boot_report.hpp"
#include "verbs.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <memory>

namespace dind::ctl {
namespace {

struct StatusOptions {
  ReportOptions report;
  bool json = false;
};

int run_status(const StatusOptions& options) {
  const auto status = find_report(options.report);
  if (!status) {
    fmt::print(stderr, "dindctl status: {}\n", status.error().describe());
    return kDoesNotHold;
  }
  fmt::print("{}", options.json ? report::print_status(*status) : describe(*status));
  return kDone;
}

} // namespace

void add_status(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<StatusOptions>();
  CLI::App* verb =
      app.add_subcommand("status", "tells how the boot went: what was seeded, how, and why");
  verb->add_flag("--json", options->json, "as status.json, for programs");
  add_report_options(*verb, options->report);
  verb->callback([options, &exit_code] { exit_code = run_status(*options); });
}

} // namespace dind::ctl
