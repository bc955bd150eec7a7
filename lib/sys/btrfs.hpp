#pragma once

#include <sys/file.hpp>

namespace dind::sys {

// Subvolumes of a btrfs. One ioctl each; ENOTTY on any other filesystem.
Result<void> create_subvolume(At at);

// Makes `at` a writable copy of the subvolume that `source` is open on (EINVAL if it
// is the root directory of none).
Result<void> snapshot_subvolume(const Fd& source, At at);

// Removes a subvolume with all it holds, but for subvolumes inside it: ENOTEMPTY.
Result<void> delete_subvolume(At at);

} // namespace dind::sys
