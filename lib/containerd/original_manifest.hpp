#pragma once

#include <base/result.hpp>
#include <cache/reader.hpp>

#include <optional>
#include <string>
#include <vector>

namespace dind::containerd {

// A manifest as a registry has it, of whose layers most are compressed.
struct OriginalManifest {
  cache::Document facts;
  std::string text;
  std::vector<Digest> blobs; // of the image's layers, one each
  // Whether every blob can be had: the cache carries it, or it is the layer's tar.
  bool is_whole = true;
};

// An index that leads to it, and what it lists.
struct OriginalIndex {
  cache::Document facts;
  std::string text;
  std::vector<Digest> manifests; // of all platforms
};

// The manifest that `image` came with; nothing where the cache does not have it. It must be of this
// image: its configuration, its layers, and blobs that cache.json knows of each.
Result<std::optional<OriginalManifest>> read_original_manifest(const cache::Cache& cache,
                                                               const cache::Image& image);
// The same of its index.
Result<std::optional<OriginalIndex>> read_original_index(const cache::Cache& cache,
                                                         const cache::Image& image);

} // namespace dind::containerd
