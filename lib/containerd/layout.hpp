#pragma once

#include <base/digest.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace dind::containerd {

// Where the containerd that dockerd starts keeps what images are made of, below a data root, and
// what it calls that in its two databases (containerd's core/metadata/buckets.go and
// core/snapshots/storage/bolt.go).
inline constexpr std::string_view kContentDir =
    "containerd/daemon/io.containerd.content.v1.content";
inline constexpr std::string_view kMetadataDir = "containerd/daemon/io.containerd.metadata.v1.bolt";
inline constexpr std::string_view kSnapshotterDir =
    "containerd/daemon/io.containerd.snapshotter.v1.overlayfs";

// meta.db names every image, blob and snapshot; metadata.db is the snapshotter's own, and gives
// the directory snapshots/<id> of each snapshot there.
inline constexpr std::string_view kMetaName = "meta.db";
inline constexpr std::string_view kBackendName = "metadata.db";

inline constexpr std::string_view kSchema = "v1";
inline constexpr std::string_view kNamespace = "moby";
inline constexpr std::string_view kSnapshotter = "overlayfs";

// Of a chain: more than the kernel mounts, and an end where planted snapshots lead to each other.
inline constexpr std::size_t kMostSnapshotsOfAChain = 1000;

// What seeding calls its snapshots in metadata.db: no name of containerd's own begins so, and it
// tells after a kill whose they are.
inline constexpr std::string_view kOurPrefix = "dind/";
inline std::string backend_key_of(std::string_view key) {
  return std::string(kOurPrefix).append(key);
}

// The snapshots of a layer below the one that has its chain ID as its key (snapshot_driver.hpp).
inline std::string tree_key(const Digest& chain_id) {
  return chain_id.text() + "-tree";
}
inline std::string marks_key(const Digest& chain_id) {
  return chain_id.text() + "-marks";
}

} // namespace dind::containerd
