#pragma once

#include <bake/layer_source.hpp>
#include <bake/layer_tally.hpp>
#include <base/fd.hpp>

namespace dind::bake {

// Unpacks one layer into `dir`, an empty directory: tree/, tar-split.json.gz, and
// skeleton.json if there is something to say. The same layer gives the same files,
// times included. What is in `dir` after an error is worthless. `stored` is read
// on another thread.
Result<WrittenLayer> write_layer(archive::ByteSource& stored, const LayerDigests& expected,
                                 const Fd& dir);

// Only checks that the bytes hash to what they must.
Result<void> check_layer(archive::ByteSource& stored, const LayerDigests& expected);

} // namespace dind::bake
