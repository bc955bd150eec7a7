#pragma once

#include <base/result.hpp>
#include <boot/caches.hpp>
#include <host/facts.hpp>
#include <host/loop_root.hpp>
#include <seed/plan.hpp>
#include <seed/receipt.hpp>
#include <store/state.hpp>
#include <store/users.hpp>
#include <config/settings.hpp>
#include <report/status.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dind::boot {

// All that a plan is made from, and the driver that came of it.
struct Findings {
  std::string store_root;    // the engine's data root; with userns-remap, its own below that
  gid_t store_group = 0;     // of its directory
  store::Users users;        // whose the files of layers are
  std::string shift_unknown; // not empty: why it is not known what userns-remap maps
  Caches caches;
  std::vector<seed::CacheView> views;
  host::HostFacts facts;
  store::StoreState state;
  seed::Receipt receipt;
  std::string boot_id; // of the kernel
  seed::DriverChoice driver;
  Fd data_root; // `store_root`, only if something may have to be written to it
  Fd lock;      // on it; held while the daemon runs
  std::optional<host::LoopRoot> loop;
  Fd backing; // the file below it, if it is to be watched

  // Whose layers are looked at: the chosen driver's, or those of earlier boots where the engine
  // chooses.
  const std::string& seeded_driver() const {
    return driver.driver.empty() ? receipt.driver : driver.driver;
  }
  seed::PlanInput plan_input(const config::Settings& settings) const {
    return {settings, driver, facts, state.of(driver.driver), state.of(seeded_driver()),
            receipt,  views};
  }
};

// What is looked for: a boot mounts what it needs; seeding alone leaves all mounts as they
// are; a dry run changes nothing at all, and takes no lock.
enum class Mode { boot, seed_only, dry_run };

// Opens the caches, locks the data root, probes the host, chooses the driver and, if that needs
// one, puts a loop-mounted filesystem at the data root. Layers that seeding made are
// checked (look_for_flaws), with or without a cache.
// Warnings go to `board`. EBUSY if another daemon has the data root. Where nothing was ever seeded
// and there is no cache, nothing is written to the data root.
Result<Findings> find_out(const config::Settings& settings, Mode mode, report::StatusBoard& board);

// Undoes that mount when it goes, unless the filesystem was handed on: to be made before what is
// opened on it.
class LoopHold {
public:
  LoopHold() = default;
  ~LoopHold() { host::leave_loop_root(path_); }
  LoopHold(const LoopHold&) = delete;
  LoopHold& operator=(const LoopHold&) = delete;

  void take(const Findings& found) { path_ = found.loop ? found.loop->path : ""; }
  std::string hand_on() { return std::exchange(path_, ""); }

private:
  std::string path_;
};

} // namespace dind::boot
