#pragma once

#include <base/result.hpp>
#include <cache/reader.hpp>
#include <seed/plan.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace dind::seed {

// What was done.
struct SeedReport {
  std::uint64_t images = 0;
  std::vector<std::string> images_missing; // names, or IDs of images without one
  std::map<Method, std::uint64_t> layers;
  std::map<Method, std::uint64_t> bytes;
  std::uint64_t bytes_written = 0; // taken from the data root's free space
  std::uint64_t files_written = 0; // inodes, likewise
  std::vector<std::string> warnings;
};

// Called between layers; an answer of true ends the work early, resumable.
using Interrupted = std::function<bool()>;

// Carries out a plan for the overlay2 driver below `data_root`, which dockerd
// does not use at the time. Layers come first, then images, then names, so that
// dockerd sees whole images only, whenever this is killed. A layer that fails
// costs the images that stand on it; the rest goes on. An error means that
// nothing could be done, or ECANCELED that it was interrupted.
Result<SeedReport> execute(const SeedPlan& plan, const Fd& data_root,
                           const std::vector<const cache::Cache*>& caches,
                           const store::StoreState& state, const Interrupted& interrupted);

// The method that most bytes got.
Method strategy_of(const SeedReport& report);

// The name by which people know an image.
std::string label_of(const cache::Image& image);

} // namespace dind::seed
