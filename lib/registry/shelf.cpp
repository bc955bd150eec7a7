#include <registry/shelf.hpp>

#include <sys/file.hpp>

#include <algorithm>
#include <utility>

namespace dind::registry {

Result<void> Shelf::add(const cache::Cache& cache) {
  caches_.push_back(TRY(sys::open_beneath(cache.root(), ".", O_RDONLY | O_DIRECTORY)));
  catalogue_.add(cache.manifest());
  return {};
}

Result<std::shared_ptr<blobs::LayerBlob>> Shelf::open_layer(const Digest& diff_id,
                                                            const Content& content) {
  const std::lock_guard lock(mutex_);
  if (auto found = open_[diff_id].lock()) {
    return found;
  }
  std::erase_if(open_, [](const auto& entry) { return entry.second.expired(); });
  std::shared_ptr<blobs::LayerBlob> layer =
      TRY(blobs::LayerBlob::open(caches_[content.cache], diff_id, content.size));
  open_[diff_id] = layer;
  kept_[next_kept_++ % kKept] = layer;
  return layer;
}

Result<Fd> Shelf::open_file(const Digest& digest, const Content& content) const {
  return sys::open_regular_beneath(caches_[content.cache], cache::config_file(digest));
}

void Shelf::rest() {
  const std::lock_guard lock(mutex_);
  kept_ = {};
}

} // namespace dind::registry
