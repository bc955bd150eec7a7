#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <store/driver_state.hpp>
#include <containerd/state.hpp>

namespace dind::containerd {

// What the store holds, in the terms of graph drivers. Layers are those of images: of other
// snapshots the diff ID is not known, and seeding uses one that is there under its chain ID. The
// cache-id of a layer is the number of its directory.
Result<store::DriverState> driver_state_of(const State& state, const Fd& data_root);

} // namespace dind::containerd
