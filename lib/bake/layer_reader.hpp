#pragma once

#include <archive/layer_rules.hpp>
#include <bake/layer_source.hpp>
#include <bake/layer_tally.hpp>
#include <base/fd.hpp>
#include <cache/skeleton_recorder.hpp>

#include <functional>

namespace dind::bake {

// Where a layer of a cache goes, whatever its tree is made of. All must outlive the call.
struct LayerTarget {
  const Fd& tar_split; // an empty file
  archive::Tree& tree;
  cache::SkeletonRecorder& recorder;
  // How a path of the finished tree looks, whose inode is the tree's `inode`.
  std::function<Result<cache::Sentinel>(const std::string& path, std::uint32_t inode)> sentinel;
};

// What was read, and what the tree cannot hold of it.
struct ReadLayer {
  WrittenLayer written;
  cache::Skeleton skeleton;
};

// Reads a layer to its end. The bytes must hash to what is expected, or what the target got is
// worthless. `stored` is read on another thread.
Result<ReadLayer> read_layer(archive::ByteSource& stored, const LayerDigests& expected,
                             const LayerTarget& target);

} // namespace dind::bake
