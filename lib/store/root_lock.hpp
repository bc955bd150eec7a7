#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <chrono>

namespace dind::store {

// Locks a data root for this process: two daemons in one would destroy it. The lock
// (flock on .dind-init/lock) is held while the descriptor is open, and falls with the
// process, however that ends. EBUSY if another has it after `patience`.
Result<Fd> lock_data_root(const Fd& data_root, std::chrono::milliseconds patience);

} // namespace dind::store
