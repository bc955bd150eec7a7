#pragma once

#include <base/fd.hpp>
#include <base/reason.hpp>
#include <base/result.hpp>

#include <boost/filesystem/path.hpp>

namespace dind::blobs {

namespace fs = boost::filesystem;

// In the directory for files of this run: the symlinks of a store lead below it.
inline constexpr const char* kMountName = "blobs";

// Mounts the read-only file system of layers' blobs on `target`, which is made if it is missing,
// and returns where its requests come from, for `serve_blobs`. What opens a file waits until it is
// served, and fails from then on when the last copy of the descriptor is closed. Only root gets in.
// What an earlier start left mounted there is detached.
Result<Fd, Reason> mount_blobs(const fs::path& target);

// Detaches all that is mounted there.
void unmount_blobs(const fs::path& target);

} // namespace dind::blobs
