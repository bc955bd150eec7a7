#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <sys/file.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace dind::host {

// A data root that is an ext4 file of the filesystem that it hides. The mount outlives
// this, until `unmount_loop_root`, or the end of the mount namespace.
struct LoopRoot {
  std::string path;   // of the mount: the data root, without symlinks
  std::string device; // "/dev/loop3"
  std::uint64_t bytes = 0;
  bool is_new = false; // made now, and not by an earlier boot
  Fd backing;          // the file
};

// Puts an ext4 filesystem of at most `bytes` on the data root: the sparse file
// <data-root>/.dind-init/data.ext4, which is made if it is missing; one that exists is
// checked, and keeps its size. A file appears only when it is complete.
// ENOTEMPTY if the data root holds files that the mount would hide, apart from our
// folder's; EUCLEAN if the file is damaged, and then it stays; EBUSY if another container has it
// mounted and does not let go in time (a container that is killed may still be writing back).
Result<LoopRoot> mount_loop_root(const std::string& data_root, std::uint64_t bytes,
                                 std::chrono::milliseconds patience = std::chrono::seconds(10));

// Unmounts what `mount_loop_root` mounted, written back: the last thing that a container's PID 1
// does. A program of the container may serve the filesystem below, and if it were left to the
// kernel to unmount when it kills them all, that program's exit could wait for its own answer, for
// ever (fs/namespace.c, cleanup_mnt; fs/fuse/dev.c, request_wait_answer). What is still in use is
// written back and detached.
Result<void> unmount_loop_root(const std::string& path);

// The same at the end of a program, which has nothing left to do about a failure: it is logged. An
// empty path is none.
void leave_loop_root(const std::string& path);

// How large to make it: `wish` bytes if there is one, else 20 GiB, but at most half of what is
// free. 0 is "not at all": wished for, or because an engine has no use for so little.
std::uint64_t loop_size(std::optional<std::uint64_t> wish, const sys::FreeSpace& free);

// The file is sparse: what it has not yet claimed may be gone when it does, and then
// writes to the data root fail.
struct BackingSpace {
  std::uint64_t unclaimed = 0;
  std::uint64_t free = 0;
  bool is_low() const;       // little is left for it
  bool is_overdrawn() const; // it may claim more than there is
};
Result<BackingSpace> backing_space(const Fd& file); // may be open with O_PATH

} // namespace dind::host
