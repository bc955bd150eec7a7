#pragma once

#include <base/reason.hpp>
#include <base/result.hpp>
#include <store/driver_state.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dind::store {

// What a data root already holds.
struct StoreState {
  // Graph drivers that dockerd would insist on: their directory has an entry.
  // vfs never counts (moby daemon/graphdriver/driver.go, scanPriorDrivers), so that
  // a data root with images of vfs alone shows in `drivers` only.
  std::vector<std::string> prior_drivers;
  bool has_containerd_images = false; // the containerd store has content
  // Why nothing may be added to that, where it was looked into: it is damaged, of a version that is
  // not known, or the engine is too old to have one.
  std::optional<Reason> containerd_refused = {};
  // By name: overlay2, fuse-overlayfs, vfs, btrfs, and overlayfs for the containerd store, where it
  // was looked into. Those of which there is nothing are left out.
  std::map<std::string, DriverState> drivers = {};

  // Empty for one that is left out.
  const DriverState& of(const std::string& driver) const;
};

// Reads, and changes nothing. A data root that does not exist holds nothing.
// An unreadable repositories.json is an error: dockerd would not start with it.
// Records and images that dockerd would not load are not there.
Result<StoreState> read_state(const std::string& data_root);

} // namespace dind::store
