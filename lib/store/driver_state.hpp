#pragma once

#include <base/digest.hpp>
#include <base/fd.hpp>
#include <base/reason.hpp>
#include <base/result.hpp>
#include <sys/dir.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>
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
  // What a check found wrong with it. It is not reachable then: no container may see it as
  // it is.
  std::optional<Reason> flaw = {};
  std::size_t lowers = 0; // entries of its `lower` file

  // In the containerd store a layer may be up to three snapshots, of which `cache_id` is the top
  // one: below that are the one with its files, and the one with its marks.
  std::optional<std::string> tree_id = {};
  std::optional<std::string> marks_id = {};
  // The directory, among the driver's, in which its files are, or were when it was borrowed.
  const std::string& files_id() const { return tree_id ? *tree_id : cache_id; }
};

// As many layers as an engine mounts (moby layer/layer_store.go, maxLayerDepth).
inline constexpr std::size_t kMostLayers = 125;

// What a data root holds for one graph driver.
struct DriverState {
  std::map<Digest, PresentLayer> layers;         // by chain ID
  std::map<Digest, std::vector<Digest>> images;  // image ID -> diff IDs, the base first
  std::map<std::string, Digest> references = {}; // "alpine:3.20", "alpine@sha256:..."
  std::set<Digest> container_layers = {};        // chain IDs that containers stand on
  // Images that have a name, and are not what their digests say. They are none of `images`, and it
  // was not the user who removed them.
  std::set<Digest> changed_images = {};

  bool empty() const { return layers.empty() && images.empty(); }
};

// How many layers each one stands on, itself included, as far as they are known.
std::map<Digest, std::size_t> depths_of(const std::map<Digest, PresentLayer>& layers);

// The entries of a directory of the data root; none if it does not exist.
Result<std::vector<sys::DirEntry>> entries_of(const Fd& root, const std::string& path);

// The layers of an image, the base first, by its configuration.
Result<std::vector<Digest>> diff_ids_of(const std::string& config);

// What one graph driver has in the data root `root`. Records and configurations that are not what
// their names say are left out, as are layers and images of more than kMostLayers: no engine has
// made them.
Result<DriverState> read_driver_state(const Fd& root, const std::string& driver);

} // namespace dind::store
