#pragma once

#include <base/result.hpp>
#include <base/wishes.hpp>
#include <boot/status.hpp>
#include <seed/plan.hpp>

#include <functional>
#include <string>

namespace dind::boot {

// What became of the wish for images.
struct Seeding {
  seed::DriverChoice driver;
  std::string failure; // not empty: not all images of the caches are there, and why
};

// Opens the caches, finds out what host and data root can do, plans, and seeds,
// reporting to `board`. A cache that cannot be used is a cold start, told in
// `failure`, not an error. With no cache, nothing is written to the data root.
// ECANCELED if `stopped` became true.
Result<Seeding> seed_data_root(const Wishes& wishes, StatusBoard& board,
                               const std::function<bool()>& stopped);

} // namespace dind::boot
