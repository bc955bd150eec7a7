#include <seed/seed_report.hpp>

#include <algorithm>

#include <fmt/format.h>

namespace dind::seed {

std::optional<Reason> failure_of(const SeedReport& report) {
  const std::size_t missing = report.images_missing.size();
  if (missing == 0 || !report.why_missing) {
    return std::nullopt;
  }
  return missing == 1
             ? *report.why_missing
             : Reason{fmt::format("{} images are missing; {}", missing, report.why_missing->why)};
}

Method strategy_of(const SeedReport& report) {
  const auto most =
      std::max_element(report.bytes.begin(), report.bytes.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == report.bytes.end() ? Method::present : most->first;
}

SeedReport with_space_taken(SeedReport report, const sys::FreeSpace& before,
                            const sys::FreeSpace& after) {
  report.bytes_written = before.bytes > after.bytes ? before.bytes - after.bytes : 0;
  report.files_written = before.inodes > after.inodes ? before.inodes - after.inodes : 0;
  return report;
}

} // namespace dind::seed
