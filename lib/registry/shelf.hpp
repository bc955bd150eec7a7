#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <cache/reader.hpp>
#include <blobs/layer_blob.hpp>
#include <registry/catalogue.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace dind::registry {

// The caches that a registry serves. For several threads, but for `add`.
class Shelf {
public:
  // What an earlier cache has counts. Keeps its directory open, and of cache.json the catalogue.
  // Its documents are read: what is wrong with one is told, and its image's tags lead to the made
  // manifest.
  Result<void> add(const cache::Cache& cache);

  const Catalogue& catalogue() const { return catalogue_; }

  // A layer is one for all who read it at a time, and the last few stay open: finding the way in it
  // again costs more than what it takes.
  Result<std::shared_ptr<blobs::LayerBlob>> open_layer(const Digest& diff_id,
                                                       const Content& content);
  // A content that is a file of its cache: neither a made layer nor a made manifest.
  Result<Fd> open_file(const Digest& digest, const Content& content) const;

  // Lets go what is kept for readers to come.
  void rest();

private:
  static constexpr std::size_t kKept = 4;

  Catalogue catalogue_;
  std::vector<Fd> caches_; // their directories

  std::mutex mutex_; // of what follows
  std::unordered_map<Digest, std::weak_ptr<blobs::LayerBlob>> open_;
  std::array<std::shared_ptr<blobs::LayerBlob>, kKept> kept_;
  std::size_t next_kept_ = 0;
};

} // namespace dind::registry
