#include "boot_plot.hpp"
#include "boot_report.hpp"
#include "failure.hpp"
#include "verbs.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <memory>

namespace dind::ctl {
namespace {

constexpr const char* kPlotFooter = R"(The image goes to standard output.

Example:
  docker exec NAME dindctl plot > boot.svg

Exit codes:
  0   done
  1   no dind-init runs here, or its report cannot be read
  64  usage
  74  standard output could not be written)";

int run_plot(const ReportOptions& options) {
  const auto status = find_report(options);
  if (!status) {
    note("plot", status.error().describe());
    return kDoesNotHold;
  }
  fmt::print("{}", draw(*status));
  return kDone;
}

} // namespace

void add_plot(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<ReportOptions>();
  CLI::App* verb = app.add_subcommand("plot", "draws the boot as a timeline, an SVG image");
  add_report_options(*verb, *options);
  verb->footer(kPlotFooter);
  verb->callback([options, &exit_code] { exit_code = run_plot(*options); });
}

} // namespace dind::ctl
