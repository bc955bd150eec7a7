#pragma once

#include <archive/byte_source.hpp>
#include <bake/progress.hpp>
#include <base/stop_flag.hpp>
#include <images/build_cache.hpp>
#include <images/collection.hpp>

#include <functional>
#include <vector>

namespace dind::bake {

// Whether a cache has compressed layers as they came, beside their files.
enum class Blobs { left_out, carried };

// What a cache carries besides the files of its images.
struct Carried {
  Blobs blobs = Blobs::left_out;
  std::vector<images::BuildCache> build_caches = {};
};

// The blobs to carry, each once. For images these are the compressed forms of layers that a
// registry knows by their digests. They point into the arguments.
std::vector<const images::LayerOrigin*> forms_to_carry(const images::Collection& collection,
                                                       const Carried& carried);
// The documents of a cache: those of the images, and those of build caches.
images::PlannedDocuments documents_of(const images::Collection& collection, const Carried& carried);
// What cache.json says of the build caches.
std::vector<cache::BuildCache> describe(const std::vector<images::BuildCache>& build_caches);

// How many bytes all of these blobs have.
std::uint64_t bytes_of(const std::vector<const images::LayerOrigin*>& forms);

// Hands the bytes of a blob to `use`, which reads them to their end. An error unless they hash to
// their digest.
Result<void> read_form(const images::LayerOrigin& form, Progress& progress, const StopFlag& stop,
                       const std::function<Result<void>(archive::ByteSource&)>& use);

// Says of a layer which of its blobs are carried: those that its sources have.
void mark_carried(cache::Layer& layer, const images::PlannedLayer& planned);

} // namespace dind::bake
