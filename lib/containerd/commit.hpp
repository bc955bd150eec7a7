#pragma once

#include <base/digest.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>
#include <containerd/state.hpp>

#include <time.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace dind::containerd {

// A committed snapshot, whose directory snapshots/<id> is there.
struct NewSnapshot {
  std::string key;
  std::optional<std::string> parent = {}; // a key: of one before it in the list, or of the store
  std::uint64_t id = 0;                   // State::claim_id
  std::uint64_t inodes = 0;
  std::uint64_t size = 0; // bytes, as `docker history` shows them
};

// What is to be in the databases when `commit` returns.
struct Changes {
  std::vector<NewSnapshot> snapshots = {};
  // Their files are there. A record that is there keeps all that it has, and gets the labels that
  // it lacks.
  std::map<Digest, Blob> blobs = {};
  std::map<std::string, Image> images = {}; // added, or put in the place of what has the name
  std::vector<std::string> removed_images = {};
  std::set<Digest> removed_blobs = {}; // their records; containerd removes the files
};

// Adds to what the databases hold, whatever that is: what is not understood stays, byte for byte.
// Missing databases are made, with their directories. `now` becomes the time of what is new.
// Returns the bytes written to the two files.
//
// The order is what makes a kill or a power cut harmless:
// 1. Both databases are locked and both changes are made in memory. What is refused (a snapshot
//    that is there or whose parent is not, an id that is another's) changes neither.
// 2. metadata.db, and it is on the disk.
// 3. meta.db, and it is on the disk.
// Between 2 and 3 metadata.db has snapshots that meta.db does not name: containerd would collect
// them, and the next `read_state` finds them in `State::unnamed`. The other way round every image
// with such a snapshot would be broken for good: containerd cannot even load it again.
//
// So directories of snapshots and files of blobs come before this, and where the filesystem's
// journal does not keep order they are flushed by then.
Result<std::uint64_t> commit(const Fd& data_root, const Changes& changes, timespec now);

} // namespace dind::containerd
