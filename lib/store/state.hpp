#pragma once

#include <base/digest.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dind::store {

// A layer that dockerd knows.
struct PresentLayer {
  Digest diff_id;
  std::optional<Digest> parent = {}; // chain ID
  std::string cache_id = {};
  bool ours = false; // it has the name that seeding gives
  // The tree in a cache that it is borrowed from; empty if it has files of its own.
  std::string borrowed_from = {};
  // Whether its directory is there and its content can be reached: a borrowed
  // layer whose cache has gone cannot.
  bool reachable = false;
  // What is wrong with it, where somebody has looked; then it is not reachable either, for
  // nobody may see it as it is.
  std::string flaw = {};
  std::size_t lowers = 0; // entries of its `lower` file
};

// What a data root holds for one graph driver.
struct DriverState {
  std::map<Digest, PresentLayer> layers;         // by chain ID
  std::map<Digest, std::vector<Digest>> images;  // image ID -> diff IDs, the base first
  std::map<std::string, Digest> references = {}; // "alpine:3.20", "alpine@sha256:..."
  std::set<Digest> container_layers = {};        // chain IDs that containers stand on

  bool empty() const { return layers.empty() && images.empty(); }
};

// What a data root already holds.
struct StoreState {
  // Graph drivers that dockerd would insist on: their directory has an entry.
  // vfs never counts (moby daemon/graphdriver/driver.go, scanPriorDrivers), so that
  // a data root with images of vfs alone shows in `drivers` only.
  std::vector<std::string> prior_drivers;
  bool has_containerd_images = false; // the containerd store has content
  // By name: overlay2, fuse-overlayfs, vfs, btrfs. Those of which there is nothing are left out.
  std::map<std::string, DriverState> drivers = {};

  // Empty for one that is left out.
  const DriverState& of(const std::string& driver) const;
};

// Reads, and changes nothing. A data root that does not exist holds nothing.
// An unreadable repositories.json is an error: dockerd would not start with it.
// Records and images that dockerd would not load are not there.
Result<StoreState> read_state(const std::string& data_root);

} // namespace dind::store
