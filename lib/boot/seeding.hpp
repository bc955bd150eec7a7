#pragma once

#include <base/result.hpp>
#include <boot/findings.hpp>
#include <seed/plan.hpp>
#include <config/settings.hpp>
#include <report/status.hpp>

#include <functional>
#include <string>

namespace dind::boot {

// What became of the wish for images.
struct Seeding {
  Findings found; // its lock and its loop device are held as long as this lives
  seed::SeedPlan plan;
  std::string failure; // not empty: not all images of the caches are there, and why
};

// Finds out what caches, host and data root are like, plans, and seeds, reporting
// to `board`. A cache that cannot be used is a cold start, told in `failure`, not an
// error. Images that must be loaded (plan.by_load) are left to who starts the engine.
// A dry run ends with the plan; else `planned` is told of it before anything is done. EBUSY if
// another daemon has the data root. May be killed at any moment: the next call goes on.
using PlanListener = std::function<void(const seed::SeedPlan&)>;
Result<Seeding> seed_data_root(const config::Settings& settings, Mode mode,
                               report::StatusBoard& board, const PlanListener& planned = nullptr);

// The images of the caches that the engine has by now, and shall go on having, as people call them:
// all that are planned, less those missing by `status` and those that the user removed.
std::vector<std::string> images_there(const Seeding& seeding, const report::Status& status);

} // namespace dind::boot
