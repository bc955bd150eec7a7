#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <clone/options.hpp>

namespace dind::clone {

// Puts everything below `from` onto `to`, exactly: types, modes, owners, times, extended
// attributes, capabilities, hard links inside the tree, holes, devices, fifos, sockets,
// symlinks with their own times. Left out are overlayfs' own marks (trusted.overlay.*) and
// attributes that a host's policy puts on a place rather than on content (clone/metadata.hpp).
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
