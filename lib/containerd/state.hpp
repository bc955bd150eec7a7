#pragma once

#include <base/digest.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace dind::containerd {

enum class SnapshotKind { view = 1, active = 2, committed = 3 };

// A layer, or what a container or a build writes into.
struct Snapshot {
  std::string backend_key = {};           // its name in metadata.db
  std::optional<std::string> parent = {}; // the key of the one it stands on
  std::uint64_t id = 0;                   // its directory: snapshots/<id>
  SnapshotKind kind = SnapshotKind::committed;
  bool is_ours() const; // seeding named it
};

using Labels = std::map<std::string, std::string>;

struct Blob {
  std::uint64_t size = 0;
  Labels labels = {}; // containerd's own, "containerd.io/…"
};

struct Image {
  std::string target; // a digest, of any algorithm
  std::string media_type;
  std::uint64_t size = 0; // bytes of the target's blob
};

// What the namespace of dockerd holds in the snapshotter overlayfs.
struct State {
  std::map<std::string, Snapshot> snapshots = {}; // by key; that of a whole layer is its chain ID
  std::map<Digest, Blob> blobs = {};
  std::map<std::string, Image> images = {}; // by full name: "docker.io/library/alpine:3.20"

  // Snapshots of ours that metadata.db has and meta.db does not name, by key: a commit was killed
  // between the two. containerd removes them when it next removes any snapshot.
  std::map<std::string, std::uint64_t> unnamed = {};

  // No id is above it. containerd counts on from here.
  std::uint64_t sequence = 0;

  std::set<std::string> other_snapshotters = {}; // those with snapshots of images, say "native"
  std::size_t leases = 0;                        // BuildKit's hold its cache

  // The id for a snapshot to be added: the one that a killed commit gave it, or a new one.
  std::uint64_t claim_id(const std::string& key);
};

// Reads both databases of the containerd that dockerd starts, and changes nothing. Missing ones
// hold nothing.
//
// EWOULDBLOCK where a containerd runs on them. An error without an errno says why nothing may be
// added: the version is not known, a page is damaged, or the two do not agree (a parent
// without a record, a snapshot that metadata.db does not have, an id twice or above the sequence).
Result<State> read_state(const Fd& data_root);

// The same where a containerd may run on them: as they were at one moment, without their locks, for
// which an engine that starts would have to wait. EBUSY if they change all the time.
Result<State> read_state_beside_engine(const Fd& data_root);

} // namespace dind::containerd
