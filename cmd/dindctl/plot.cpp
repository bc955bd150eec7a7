#include "boot_plot.hpp"
#include "boot_report.hpp"
#include "verbs.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <memory>

namespace dind::ctl {
namespace {

int run_plot(const ReportOptions& options) {
  const auto status = find_report(options);
  if (!status) {
    fmt::print(stderr, "dindctl plot: {}\n", status.error().describe());
    return kDoesNotHold;
  }
  fmt::print("{}", draw(*status));
  return kDone;
}

} // namespace

void add_plot(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<ReportOptions>();
  CLI::App* verb = app.add_subcommand("plot", "draws the boot as a timeline: an SVG image");
  add_report_options(*verb, *options);
  verb->callback([options, &exit_code] { exit_code = run_plot(*options); });
}

} // namespace dind::ctl
