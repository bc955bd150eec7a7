#pragma once

#include <archive/byte_source.hpp>
#include <cache/reader.hpp>

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace dind::seed {

// What is to be loaded.
struct LoadRequest {
  const cache::Cache& cache;
  const cache::Image& image;
  std::vector<std::string> tags; // "alpine:3.20"; a name with a digest cannot be loaded
  // Chain IDs of layers that the engine holds, which need not be carried. A graph driver's
  // load looks a layer up by chain ID before it opens the layer's file (moby
  // image/tarexport/load.go); the containerd store's wants every file.
  std::set<Digest> held;
};

// The archive that `docker load` takes, of one image: manifest.json, the configuration, and
// `<diff ID>/layer.tar` for each layer, each diff ID once. Layers are made again from tree
// and tar-split as they are read, and hashed: one that is not what its diff ID
// says ends the stream with an error, before the archive is whole. What is
// referred to must outlive the stream.
Result<std::unique_ptr<archive::ByteSource>> open_load_stream(const LoadRequest& request);

} // namespace dind::seed
