#pragma once

#include <base/digest.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace dind::store {

// A layer that dockerd knows.
struct PresentLayer {
  std::string cache_id;
  // Whether its directory is there and its content can be reached: a borrowed
  // layer whose cache has gone cannot.
  bool reachable = false;
  std::size_t lowers = 0; // entries of its `lower` file
};

// What a data root already holds.
struct StoreState {
  // Graph drivers that dockerd would insist on: their directory has an entry.
  // vfs never counts (moby daemon/graphdriver/driver.go, scanPriorDrivers).
  std::vector<std::string> prior_drivers;
  bool has_containerd_images = false; // the containerd store has content
  // Of the overlay2 driver:
  std::map<Digest, PresentLayer> layers; // by chain ID
  std::set<Digest> images;
  std::map<std::string, Digest> references; // "alpine:3.20", "alpine@sha256:..."
};

// Reads, and changes nothing. A data root that does not exist holds nothing.
// An unreadable repositories.json is an error: dockerd would not start with it.
Result<StoreState> read_state(const std::string& data_root);

} // namespace dind::store
