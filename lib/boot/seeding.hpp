#pragma once

#include <base/reason.hpp>
#include <base/result.hpp>
#include <boot/caches.hpp>
#include <boot/data_root.hpp>
#include <boot/inspection.hpp>
#include <seed/driver.hpp>
#include <seed/plan.hpp>
#include <config/settings.hpp>
#include <report/status_board.hpp>

#include <functional>
#include <optional>
#include <string>

namespace dind::boot {

// What became of the images of the caches. The data root is held as long as this lives.
struct Seeding {
  Caches caches;
  DataRoot root;
  Inspection seen;
  seed::DriverChoice driver;
  seed::SeedPlan plan;
  std::optional<Reason> failure; // why not all images of the caches are there

  // Whose layers are looked at: the chosen driver's, or those of earlier boots where the engine
  // chooses.
  const std::string& seeded_driver() const {
    return driver.driver.empty() ? seen.receipt.driver : driver.driver;
  }
};

// Holds the data root, inspects it and the host, chooses the driver, plans, and seeds, reporting to
// `board`. A cache that cannot be used is a cold start, told in `failure`, not an error. A plan by
// load is left to the caller, who starts the engine. A dry run ends with the plan; else `planned`
// is told of it before anything is done. EBUSY if another daemon has the data root. May be killed
// at any moment: the next call goes on.
using PlanListener = std::function<void(const seed::SeedPlan&)>;
Result<Seeding> seed_data_root(const config::Settings& settings, Mode mode,
                               report::StatusBoard& board, const PlanListener& planned = nullptr);

} // namespace dind::boot
