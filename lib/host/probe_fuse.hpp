#pragma once

#include <base/result.hpp>
#include <host/scratch.hpp>

#include <string>

namespace dind::host {

// The same as `try_overlay` by the program fuse-overlayfs, which the engine's driver of that name
// starts.
Result<void> try_fuse_overlayfs(const Scratch& outer, const std::string& sample);

} // namespace dind::host
