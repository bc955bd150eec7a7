#pragma once

#include <base/reason.hpp>
#include <host/facts.hpp>
#include <seed/store_choice.hpp>
#include <store/state.hpp>
#include <config/settings.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dind::seed {

// How images can be given to the engine.
enum class Means {
  none,
  load,   // through its API alone
  layers, // by writing the driver's layout
};
std::string_view name_of(Means means);

// A rung of the ladder that was passed over, and why.
struct Refused {
  std::string driver;
  std::string why;
};

// Which storage the engine will be told to use.
struct DriverChoice {
  std::string driver; // "" leaves the choice to the engine
  StoreChoice store;
  // The data root cannot hold what the driver needs: it must become a loop-mounted
  // ext4 file first, and the host be probed again.
  bool on_loop = false;
  std::string why;
  std::optional<Reason> refusal; // what was required cannot be had (exit code 69)
  Means means = Means::none;
  std::vector<Refused> refused;
  std::vector<std::string> warnings;
};

// Whether there are images that the driver is chosen for.
enum class Cached { nothing, images };

// In the store that `choose_store` names: what is required, what the data root holds, what is
// preferred, else the ladder. That is overlay2 (overlayfs in the containerd store), the same on a
// loop-mounted file, fuse-overlayfs, btrfs, vfs. A containerd store that was asked for has no rungs
// but overlayfs and native. Without a cache the engine chooses, as long as the data root can hold
// an overlay. Decides, and touches nothing.
DriverChoice choose_driver(const config::Settings& settings, const host::HostFacts& facts,
                           const store::StoreState& state, Cached cached);

// Whether a driver's layers hold their parents' files too.
bool has_full_trees(const std::string& driver);

} // namespace dind::seed
