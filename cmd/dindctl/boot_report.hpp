#pragma once

#include <base/result.hpp>
#include <report/status.hpp>

#include <CLI/App.hpp>

#include <string>

namespace dind::ctl {

// Where the report of a boot is looked for.
struct ReportOptions {
  std::string run_dir; // empty: the usual places
  std::string data_root = "/var/lib/docker";
};
void add_report_options(CLI::App& verb, ReportOptions& options);

// The report of the dind-init that runs here. Fails if there is none, or if it is
// about a process that runs no more.
Result<report::Status> find_report(const ReportOptions& options);

// The report for people: aligned lines of plain text.
std::string describe(const report::Status& status);

} // namespace dind::ctl
