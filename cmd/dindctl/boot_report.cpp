#include "boot_report.hpp"

#include <base/utf8.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace dind::ctl {
namespace {

std::string bytes_for_people(std::uint64_t bytes) {
  constexpr std::array<const char*, 4> kUnits = {"KiB", "MiB", "GiB", "TiB"};
  constexpr double kStep = 1024;
  if (bytes < 1024) {
    return fmt::format("{} B", bytes);
  }
  double value = static_cast<double>(bytes) / kStep;
  std::size_t unit = 0;
  while (value >= kStep && unit + 1 < kUnits.size()) {
    value /= kStep;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string or_unknown(const std::string& text) {
  return text.empty() ? "not known yet" : text;
}

// How long ago that was, by the clock that PID 1 counts from: its own start.
std::string age_of(const report::Status& status, double since_ms) {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  const double started =
      static_cast<double>(status.start_ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  const double up = static_cast<double>(now.tv_sec) - started;
  const auto seconds = static_cast<long long>(std::max(0.0, up - since_ms / 1000));
  constexpr long long kMinute = 60;
  constexpr long long kHour = 60 * kMinute;
  constexpr long long kDay = 24 * kHour;
  if (seconds < kMinute) {
    return fmt::format("{} s", seconds);
  }
  if (seconds < kHour) {
    return fmt::format("{} min {} s", seconds / kMinute, seconds % kMinute);
  }
  return seconds < kDay ? fmt::format("{} h {} min", seconds / kHour, seconds % kHour / kMinute)
                        : fmt::format("{} d {} h", seconds / kDay, seconds % kDay / kHour);
}

std::string stage_of(const report::Status& status) {
  const std::string age = age_of(status, status.state_since_ms);
  return status.state_reason.empty() ? fmt::format("for {}", age)
                                     : fmt::format("for {}: {}", age, status.state_reason);
}

std::string strategy_of(const report::Status& status) {
  if (status.reason.empty()) {
    return or_unknown(status.strategy);
  }
  return fmt::format("{}: {}", status.strategy.empty() ? "none" : status.strategy, status.reason);
}

std::string images_of(const report::Status& status) {
  return status.images_missing.empty() ? fmt::format("{}, all that the caches have", status.images)
                                       : fmt::format("{}, missing: {}", status.images,
                                                     fmt::join(status.images_missing, ", "));
}

std::string layers_of(const report::Status& status) {
  std::string methods;
  for (const auto& [method, count] : status.layers_by_method) {
    if (count > 0) {
      methods += fmt::format("{}{} {}", methods.empty() ? ": " : ", ", count, method);
    }
  }
  return fmt::format("{}{}", status.layers, methods);
}

void put_line(std::string& out, std::string_view label, std::string_view value) {
  fmt::format_to(std::back_inserter(out), "{:<10} {}\n", label, printable(value));
}

void put_phases(std::string& out, const std::vector<report::Phase>& phases) {
  std::size_t width = 0;
  for (const report::Phase& phase : phases) {
    width = std::max(width, phase.name.size());
  }
  for (const report::Phase& phase : phases) {
    put_line(out, "phase",
             fmt::format("{:<{}} {:>9.1f} ms, from {:>9.1f} ms", phase.name, width,
                         phase.duration_ms, phase.start_ms));
  }
}

} // namespace

void add_report_options(CLI::App& verb, ReportOptions& options) {
  verb.add_option("--run-dir", options.run_dir,
                  "where status.json is, if not in /run/dind-init or the data root")
      ->type_name("DIR");
  verb.add_option("--data-root", options.data_root, "the engine's data root")
      ->type_name("DIR")
      ->capture_default_str();
}

Result<report::Status> find_report(const ReportOptions& options) {
  const auto dirs = options.run_dir.empty() ? report::runtime_dirs(options.data_root)
                                            : std::vector<report::fs::path>{options.run_dir};
  std::vector<std::string> looked_in;
  for (const auto& dir : dirs) {
    auto status = report::read_living_status(dir);
    if (status || !status.error().is(std::errc::no_such_file_or_directory)) {
      return status;
    }
    looked_in.push_back(dir.native());
  }
  return input_error("no boot report in {}: is dind-init running here?",
                     fmt::join(looked_in, " or "));
}

std::string describe(const report::Status& status) {
  std::string out;
  put_line(out, "state", report::name_of(status.state));
  put_line(out, "", stage_of(status));
  put_line(out, "runs",
           fmt::format("for {}, dockerd restarted {} times", age_of(status, 0), status.restarts));
  put_line(out, "dind-init", or_unknown(status.dind_init));
  put_line(out, "engine", or_unknown(status.engine));
  put_line(out, "driver", or_unknown(status.driver));
  put_line(out, "api", status.api.empty() ? "no unix socket" : status.api);
  if (status.registry) {
    put_line(out, "registry",
             fmt::format("asked {} times for images of the caches, {} times for others",
                         status.registry->hits, status.registry->misses));
  }
  if (status.warnings.empty()) {
    put_line(out, "warnings", "none");
  }
  for (const std::string& warning : status.warnings) {
    put_line(out, "warning", warning);
  }
  out += "\nOf the boot, whatever was done since:\n";
  put_line(out, "seeding", status.result ? report::name_of(*status.result) : "not over yet");
  put_line(out, "store", or_unknown(status.store));
  put_line(out, "strategy", strategy_of(status));
  put_line(out, "images", images_of(status));
  put_line(out, "layers", layers_of(status));
  put_line(out, "bytes", bytes_for_people(status.bytes));
  put_line(out, "written",
           fmt::format("{} by seeding, {} files made", bytes_for_people(status.bytes_written),
                       status.files_written));
  put_phases(out, status.phases);
  return out;
}

} // namespace dind::ctl
