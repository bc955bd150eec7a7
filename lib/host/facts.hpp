#pragma once

#include <host/engine_version.hpp>
#include <sys/file.hpp>

#include <optional>
#include <string>
#include <vector>

namespace dind::host {

// The answer to a question that was put to the kernel by doing the thing.
struct Fact {
  bool holds = false;
  std::string why; // the refusal, or what was seen
};

// What holds between one cache and the data root.
struct CacheFacts {
  Fact borrow;      // an overlay with its lower in the cache and its upper in the data root
  Fact fuse_borrow; // the same through fuse-overlayfs
  Fact reflink;     // a file of the cache cloned into the data root (FICLONE)
  Fact hardlink;    // a file of the cache linked into the data root
  // The cache is on the image's own root, which no other container writes to.
  bool on_own_root = false;
};

// All that was found out about this host. After the probe it is not asked again.
struct HostFacts {
  std::string data_root_filesystem; // for messages
  // What people should know of that filesystem: a sentence, or nothing.
  std::string filesystem_note;
  sys::FreeSpace free;
  bool is_noexec = false; // no program can be started from files of the data root itself
  Fact writable;          // a file can be made and filled in the data root
  bool is_full = false;   // something could not be tried for want of space, inodes or quota
  Fact overlay;           // an overlay wholly inside the data root, with a whiteout honoured
  Fact d_type;            // directory entries tell their type, as overlay2 demands
  Fact reflink;           // inside the data root
  Fact hardlink;          // inside the data root
  // Probed only where something asks for them; `why` says if not.
  Fact fuse_overlayfs; // a real mount inside the data root
  Fact btrfs;          // a subvolume and a snapshot inside the data root
  Fact fuse_device;    // /dev/fuse can be opened
  Fact loop;           // a loop device over a file of the data root, with mkfs.ext4 to format it
  // Files can be given the owners that userns-remap asks for. Absent: userns-remap is off.
  std::optional<Fact> shifted_owners;
  bool in_user_namespace = false;
  Fact user_marks;                // there: directories take user.overlay.opaque
  EngineVersion engine;           // the dockerd on PATH
  unsigned cpus = 1;              // by affinity and cgroup quota, at least 1
  std::vector<CacheFacts> caches; // in the order of the request
};

} // namespace dind::host
