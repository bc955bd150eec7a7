#pragma once

#include <bake/layer_source.hpp>
#include <bake/layer_tally.hpp>
#include <bake/progress.hpp>
#include <images/collection.hpp>

#include <functional>
#include <vector>

namespace dind::bake {

// Makes whatever a layer is made into, out of its stored bytes. From any thread.
using MakeLayer =
    std::function<Result<WrittenLayer>(archive::ByteSource& stored, const LayerDigests& expected)>;
// A layer that need not be made; nothing for one that must be.
using KnownLayer = std::function<const cache::Layer*(const Digest& diff_id)>;

// In the order of the collection.
struct MadeLayers {
  std::vector<WrittenLayer> written;
  std::vector<images::LayerFailure> failed;
};

// Makes all layers of `collection`, up to `workers` at a time, in its order. A layer that has
// several stored forms is made of the first, and the others are checked. One whose bytes are not
// what they should be costs no other; any other error ends it.
Result<MadeLayers> make_layers(const images::Collection& collection, const MakeLayer& make,
                               const KnownLayer& known, std::size_t workers, Progress& progress,
                               const StopFlag& stop);

// What reading all those forms comes to.
Result<std::uint64_t> bytes_to_read(const images::Collection& collection, const KnownLayer& known);

} // namespace dind::bake
