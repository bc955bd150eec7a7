#pragma once

#include <base/result.hpp>
#include <host/scratch.hpp>

namespace dind::host {

// A small sparse file on a loop device, formatted by mkfs.ext4, mounted and written to.
Result<void> try_loop(const Scratch& outer);

} // namespace dind::host
