#pragma once

#include <base/reason.hpp>
#include <seed/plan.hpp>
#include <seed/receipt.hpp>
#include <sys/file.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dind::seed {

inline constexpr const char* kOutOfTime = "the time of DIND_SEED_BUDGET was up";

// What was done, by this program or by an engine that loaded the images.
struct SeedReport {
  std::uint64_t images = 0;
  std::vector<std::string> images_missing; // names, or IDs of images without one
  std::optional<Reason> why_missing;       // of the first of them
  std::map<Method, std::uint64_t> layers;
  std::map<Method, std::uint64_t> bytes;
  std::uint64_t bytes_written = 0; // by this process; by an engine: see `with_space_taken`
  std::uint64_t files_written = 0; // made, likewise
  std::vector<std::string> warnings;
  Receipt receipt; // as it was left in the data root
};

// Why not all images are there.
std::optional<Reason> failure_of(const SeedReport& report);

// The method that most bytes got.
Method strategy_of(const SeedReport& report);

// The report of an engine's loading, with what the data root's filesystem has less of than
// `before`. Others' writes count, too.
SeedReport with_space_taken(SeedReport report, const sys::FreeSpace& before,
                            const sys::FreeSpace& after);

} // namespace dind::seed
