#pragma once

#include <base/fd.hpp>
#include <host/loop_root.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace dind::supervise {

// What a look at the filesystem below a loop-mounted data root tells when that is mounted.
struct Backing {
  // It has little left for the sparse file, or, for a new one, less than that may claim.
  std::optional<std::string> warning;
  // The file by a descriptor that holds no lock of it (O_PATH), for `wait_until_low`. None
  // where little is left already, of which the warning tells.
  Fd to_watch;
};
Backing look_at_backing(const host::LoopRoot& root);

// Blocks until little is left, and says so. A look that fails, as on a network filesystem, is
// followed by others.
std::string wait_until_low(const Fd& file,
                           std::chrono::milliseconds pause = std::chrono::seconds(15));

} // namespace dind::supervise
