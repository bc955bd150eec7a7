#include "boot_report.hpp"
#include "failure.hpp"
#include "verbs.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <memory>

namespace dind::ctl {
namespace {

constexpr const char* kStatusFooter = R"(Examples:
  docker exec NAME dindctl status
  docker exec NAME dindctl status --json | jq -r .strategy

Exit codes:
  0   done
  1   no dind-init runs here, or its report cannot be read
  64  usage
  74  standard output could not be written)";

struct StatusOptions {
  ReportOptions report;
  bool json = false;
};

int run_status(const StatusOptions& options) {
  const auto status = find_report(options.report);
  if (!status) {
    note("status", status.error().describe());
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
  verb->add_flag("--json", options->json, "prints status.json, for programs");
  add_report_options(*verb, options->report);
  verb->footer(kStatusFooter);
  verb->callback([options, &exit_code] { exit_code = run_status(*options); });
}

} // namespace dind::ctl
