#pragma once

#include <base/result.hpp>
#include <host/scratch.hpp>

namespace dind::host {

// A subvolume, a snapshot of it, and both deleted.
Result<void> try_btrfs(const Scratch& outer);

} // namespace dind::host
