#pragma once

#include <bake/progress.hpp>
#include <images/collection.hpp>
#include <outer/layered_paths.hpp>
#include <outer/outer_layer.hpp>
#include <outer/previous_image.hpp>

#include <string>
#include <vector>

namespace dind::outer {

// What layers of an outer image are made with.
struct OuterMaking {
  const Fd& draft; // the directory of its blobs
  archive::CompressorPool* pool;
  const PreviousLayers& previous;
  const std::string& recipe; // how bytes of our own making are made
  bake::Progress& progress;
  const StopFlag& stop;
};

// A base on its way into an outer image.
struct OuterBase {
  std::vector<OuterLayer> layers; // base first
  std::size_t layers_taken_over = 0;
  LayeredPaths files; // what it has of the paths of interest, and of those that they lead to
};

// Brings the layers of `base`, one image. What a registry has stays as it is; a layer that comes as
// a plain tar is compressed, or taken from an earlier run, and one for `docker load` is unpacked.
Result<OuterBase> bring_base(const images::Collection& base, const std::vector<std::string>& paths,
                             const OuterMaking& making);

// The directories above the cache, as the base has them.
Result<std::vector<OuterDir>> dirs_above(const CachePlace& place, const LayeredPaths& files);

} // namespace dind::outer
