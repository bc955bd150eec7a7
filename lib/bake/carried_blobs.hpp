#pragma once

#include <archive/byte_source.hpp>
#include <bake/progress.hpp>
#include <base/stop_flag.hpp>
#include <images/collection.hpp>

#include <functional>
#include <vector>

namespace dind::bake {

// The compressed forms of a collection's layers that a registry knows by their digests, each once:
// what a cache has to carry for its images to be whole as they came. They point into `collection`.
std::vector<const images::LayerOrigin*> compressed_forms(const images::Collection& collection);

// What they come to, in bytes.
std::uint64_t bytes_of(const std::vector<const images::LayerOrigin*>& forms);

// Hands the bytes of one to `use`, which reads them to their end. An error unless they hash to
// their digest.
Result<void> read_form(const images::LayerOrigin& form, Progress& progress, const StopFlag& stop,
                       const std::function<Result<void>(archive::ByteSource&)>& use);

// Says of a layer which of its blobs are carried: those that its sources have.
void mark_carried(cache::Layer& layer, const images::PlannedLayer& planned);

} // namespace dind::bake
