#pragma once

#include <boot/caches.hpp>
#include <seed/driver.hpp>
#include <seed/plan.hpp>
#include <seed/seed_report.hpp>
#include <config/settings.hpp>
#include <report/status_board.hpp>

#include <string>
#include <vector>

namespace dind::boot {

// Tells the log and the status of what was seeded, or loaded, by `plan`.
void publish(const seed::SeedReport& done, const seed::SeedPlan& plan,
             const seed::DriverChoice& driver, report::StatusBoard& board);

// The same where nothing came of it: no image of the caches is known to be there.
void publish_nothing(const seed::SeedPlan& plan, const Caches& caches, config::Strategy strategy,
                     report::StatusBoard& board);

// The images of the caches that the engine has by now, and shall go on having, as people call them:
// all that are planned, less those missing by `status` and those that the user removed.
std::vector<std::string> images_there(const Caches& caches, const seed::SeedPlan& plan,
                                      const report::Status& status);

} // namespace dind::boot
