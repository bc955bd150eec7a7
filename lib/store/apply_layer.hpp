#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <cache/skeleton.hpp>
#include <store/graph_driver.hpp>

namespace dind::store {

// Turns `tree`, which holds what a layer's parent shows, into what the layer shows, as dockerd
// does for the drivers without whiteouts (moby pkg/archive/diff.go, UnpackLayer): what is
// deleted goes first, of an overridden whiteout too; directories merge, and those without an
// entry keep their metadata, the root among them; everything else takes the place of
// what has its name.
//
// A directory that the layer implies where the parent has a symlink would be, for dockerd,
// that which the symlink leads to; here it is an error (EOPNOTSUPP), as nothing is followed.
Result<void> apply_layer(const Fd& tree, const Fd& layer, const cache::Skeleton& skeleton,
                         const CloneTree& clone);

} // namespace dind::store
