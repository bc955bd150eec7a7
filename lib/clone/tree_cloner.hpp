#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <set>
#include <string>

namespace dind::clone {

enum class CloneMethod { reflink, hardlink, copy };

// Counts of what has been done so far; read from any thread.
struct CloneProgress {
  std::atomic<std::uint64_t> files{0};   // regular files, each name
  std::atomic<std::uint64_t> bytes{0};   // of files and symlinks, each inode once; 0 for hardlink
  std::atomic<std::uint64_t> written{0}; // bytes whose data was copied; holes are none
  std::atomic<std::uint64_t> inodes{0};  // made
};

struct CloneOptions {
  CloneMethod method = CloneMethod::copy;
  unsigned jobs = 1; // threads, at least 1
  // Asked by the calling thread, at least every 50 ms: true ends the work with ECANCELED.
  std::function<bool()> interrupted = []() { return false; };
  // Paths of directories, "" for `to` itself, that keep the metadata (times, too) which they
  // have in the target. One that the target lacks gets the source's.
  const std::set<std::string>* keep = nullptr;
};

// Puts everything below `from` onto `to`, exactly: types, modes, owners, times, extended
// attributes, capabilities, hard links inside the tree, holes, devices, fifos, sockets,
// symlinks with their own times. Left out are overlayfs' own marks (trusted.overlay.*) and
// attributes that a host's policy puts on a place rather than on content (seed/metadata.hpp).
//
// A directory onto a directory merges and takes its metadata; anything else takes the place
// of what has its name, and no existing file is written in place. `to` itself gets the
// metadata of `from`. The result does not depend on the number of threads.
//
// Directories are the unit of work, and large files where threads have nothing else. No
// symlink is followed; other filesystems below `from` are not entered (EXDEV). Descriptors
// are bounded by half of RLIMIT_NOFILE, which may cost threads, and memory by the
// directories that wait, whatever the number of files in them.
//
// A method that the filesystem refuses is an error, with one exception: a file that has all
// the hard links it can have (EMLINK) is copied. The first error ends the work and names the
// path; what was made is left to the caller to remove.
Result<void> clone_tree(const Fd& from, const Fd& to, const CloneOptions& options,
                        CloneProgress& progress);

} // namespace dind::clone
