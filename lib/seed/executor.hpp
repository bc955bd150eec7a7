#pragma once

#include <base/result.hpp>
#include <cache/reader.hpp>
#include <seed/layer_maker.hpp>
#include <seed/plan.hpp>
#include <seed/receipt.hpp>
#include <store/users.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dind::seed {

// What was done.
struct SeedReport {
  std::uint64_t images = 0;
  std::vector<std::string> images_missing; // names, or IDs of images without one
  std::string why_missing;                 // the first of them
  std::map<Method, std::uint64_t> layers;
  std::map<Method, std::uint64_t> bytes;
  std::uint64_t bytes_written = 0; // taken from the data root's free space
  std::uint64_t files_written = 0; // inodes, likewise
  std::vector<std::string> warnings;
  Receipt receipt; // as it was left in the data root
};

// How far seeding has come, for the thread that logs it.
struct SeedProgress {
  std::size_t layers_in_all = 0;
  std::size_t layers_done = 0;
  clone::CloneProgress files;
};

struct Execution {
  const SeedPlan& plan;
  const std::string& driver; // whose layout is written
  const std::vector<const cache::Cache*>& caches;
  const store::DriverState& state;
  const Receipt& receipt;     // of earlier boots
  const std::string& boot_id; // of the kernel, now
  store::Users users = {};    // whose the files of layers are
  unsigned jobs = 1;
  clone::CloneMethod share = clone::CloneMethod::copy;
  // When no further layer is begun, and one that is being made is given up.
  std::optional<std::chrono::steady_clock::time_point> deadline;
  Interrupted interrupted;
};

// Carries out a plan below `data_root`, which dockerd does not use at the time. What goes,
// goes first; then layers, then images, then names, so that dockerd sees whole images
// only, whenever this is killed; the receipt before the names. A layer that fails costs the
// images that stand on it; the rest goes on. An error means that
// nothing could be done, or ECANCELED that it was interrupted.
Result<SeedReport> execute(const Execution& what, const Fd& data_root, SeedProgress& progress);

// The method that most bytes got.
Method strategy_of(const SeedReport& report);

} // namespace dind::seed
