#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <cache/skeleton.hpp>
#include <store/cloning.hpp>

namespace dind::store {

// Turns `tree`, which holds what a layer's parent shows, into what the layer shows, as dockerd
// does for the drivers without whiteouts (moby pkg/archive/diff.go, UnpackLayer): what is
// deleted goes first, of an overridden whiteout too; directories merge, and those without an
// entry keep their metadata, the root among them; everything else takes the place of
// what has its name.
//
// A directory that the layer implies where the parent has a symlink would be, for dockerd,
// that which the symlink leads to; here it is an error (EOPNOTSUPP), as nothing is followed.
//
// `way` is the one in which the files of `layer` get there.
Result<void> apply_layer(const Fd& tree, const Fd& layer, const cache::Skeleton& skeleton,
                         const Cloning& cloning, Cloning::Way way);

} // namespace dind::store
