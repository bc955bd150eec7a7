#pragma once

#include <bake/cache_writer.hpp>
#include <bake/carried_blobs.hpp>
#include <bake/progress.hpp>
#include <images/collection.hpp>

#include <cstdint>

namespace dind::bake {

// What becomes of the other images where one cannot be had.
enum class OnRefusal { go_on, refuse_all };

// What a bake made: without an image in it, nothing.
struct BakeReport {
  cache::Manifest manifest;
  std::uint64_t bytes = 0;      // of all layers' files
  std::uint64_t blob_bytes = 0; // of what is carried beside them
  std::uint64_t layer_uses = 0; // a layer counts once for each place in an image
  images::Warnings warnings;    // those of the collection, too
  std::vector<Error> refused;   // images that cannot be had, each with its name
};

// Writes all layers and configurations of `collection`, several layers at a time,
// and finishes the cache. Memory does not depend on the size of any file. The
// same images give the same cache, whatever the number of threads.
Result<BakeReport> bake(CacheWriter& writer, const images::Collection& collection,
                        Progress& progress, const StopFlag& stop,
                        OnRefusal on_refusal = OnRefusal::go_on, const Carried& carried = {});

} // namespace dind::bake
