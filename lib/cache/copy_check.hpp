#pragma once

#include <base/digest.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>
#include <cache/reader.hpp>
#include <cache/tree_check.hpp>

#include <optional>

namespace dind::cache {

// What else may be in a directory that a layer was copied to: files of the layers below, where a
// driver keeps full trees, or the layer's own marks, as overlay2 and fuse-overlayfs make them. In
// the containerd store directories that the tar only implies look as in the layers below, too.
enum class Beside { other_layers, marks, marks_and_implied };

// Proves that `files` hold what a layer of `cache` says: its tar, made again from the cache's
// tar-split and these files, hashes to the diff ID. Where no other layers may be beside, the tree
// is compared as by check_tree, too. Returns the first flaw. An error means that the question could
// not be answered.
Result<std::optional<TreeFlaw>> check_copy(const Cache& cache, const Digest& diff_id,
                                           const Fd& files, Beside beside);

} // namespace dind::cache
