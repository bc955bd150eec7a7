#pragma once

#include <base/digest.hpp>

#include <optional>
#include <string>

namespace dind::store {

// Where dockerd keeps images under a data root with a graph driver. The same in
// 20.10 to 29 (moby layer/filestore.go, image/fs.go, reference/store.go,
// distribution/metadata). Paths are relative to the data root.
inline constexpr const char* kOverlay2 = "overlay2";
inline constexpr const char* kFuseOverlayfs = "fuse-overlayfs";
inline constexpr const char* kVfs = "vfs";
inline constexpr const char* kBtrfs = "btrfs";
// Not a graph driver: the snapshotter of the containerd image store, which `docker info` names as
// the storage driver. Of the paths below it has only those of layers.
inline constexpr const char* kOverlayfs = "overlayfs";
inline constexpr const char* kNative =
    "native"; // likewise: the snapshotter that copies, as vfs does

std::string image_dir(const std::string& driver);          // "image/overlay2"
std::string layerdb_dir(const std::string& driver);        // ".../layerdb/sha256"
std::string layerdb_mounts_dir(const std::string& driver); // ".../layerdb/mounts"
std::string image_config_dir(const std::string& driver);   // ".../imagedb/content/sha256"
std::string image_metadata_dir(const std::string& driver); // ".../imagedb/metadata/sha256"
std::string diff_id_by_digest_dir(const std::string& driver);
std::string metadata_by_diff_id_dir(const std::string& driver);
// Where the driver has its layers, one directory each: "overlay2", "vfs/dir", "btrfs/subvolumes",
// "containerd/daemon/…/snapshots".
std::string layers_dir(const std::string& driver);
// In the directory of a layer of overlay2, fuse-overlayfs and overlayfs: its files, or a symlink to
// a cache's tree.
std::string files_name(const std::string& driver);
// Where the containerd store has its blobs, by their digests.
inline constexpr const char* kBlobsDir =
    "containerd/daemon/io.containerd.content.v1.content/blobs/sha256";
inline constexpr const char* kRepositoriesName = "repositories.json";
// In a layer's record. In the containerd store, which has none, it is beside the files of a layer
// that has some of its own: containerd removes a snapshot with all that is in its directory.
inline constexpr const char* kTarSplitName = "tar-split.json.gz";
inline constexpr std::size_t kSmallFileLimit = 64U << 10U; // of a file that holds a name or a few

// Our own corner of a data root, which dockerd ignores.
inline constexpr const char* kOwnDir = ".dind-init";
inline constexpr const char* kStagingDir = ".dind-init/staging";

// Names that seeding gives, the same for the same chain ID at every boot, so
// that what a killed boot or a removed image left behind is found again.
// A cache-id is any unique file name for dockerd; half a sha256 keeps the links
// to it short enough to be stored inside an inode.
std::string cache_id_of(const Digest& chain_id);
// overlay2's short names for lower directories: 26 characters of [A-Z2-7]
// (moby daemon/graphdriver/overlay2/randomid.go).
std::string link_id_of(const Digest& chain_id);
std::string skeleton_link_id_of(const Digest& chain_id);

// The `lower` file of a child of a layer with this link name and `lower` file:
// every parent, topmost first (moby daemon/graphdriver/overlay2/overlay.go, getLower).
std::string lower_of_child(const std::string& parent_link, const std::string& parent_lower);

} // namespace dind::store
