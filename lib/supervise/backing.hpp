#pragma once

#include <base/fd.hpp>
#include <host/loop_root.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace dind::supervise {

// What people should know of the filesystem below a loop-mounted data root when it is mounted: that
// it has little left for the sparse file, or, for a new one, less than that may claim.
std::optional<std::string> backing_warning(const host::LoopRoot& root);

// The file by a descriptor that holds no lock of it (O_PATH), for `wait_until_low`. None where
// little is left already: `backing_warning` has said so.
Fd backing_to_watch(const host::LoopRoot& root);

// Blocks until little is left, and says so. A look that fails, as on a network filesystem, is
// followed by others.
std::string wait_until_low(const Fd& file,
                           std::chrono::milliseconds pause = std::chrono::seconds(15));

} // namespace dind::supervise
