#include <registry/shelf.hpp>

#include <base/log.hpp>
#include <sys/file.hpp>
#include <containerd/original_manifest.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace dind::registry {
namespace {

// The manifest or index that tags of an image lead to, if all that it names is here.
Result<std::optional<Digest>> original_of(const cache::Cache& cache, const cache::Image& image) {
  const auto manifest = TRY(containerd::read_original_manifest(cache, image));
  if (!manifest || !manifest->is_whole) {
    return std::optional<Digest>();
  }
  const auto index = TRY(containerd::read_original_index(cache, image));
  return std::optional(index ? index->facts.digest : manifest->facts.digest);
}

} // namespace

Result<void> Shelf::add(const cache::Cache& cache) {
  caches_.push_back(TRY(sys::open_beneath(cache.root(), ".", O_RDONLY | O_DIRECTORY)));
  std::map<Digest, Digest> originals;
  for (const cache::Image& image : cache.manifest().images) {
    auto original = original_of(cache, image);
    if (!original) {
      log::warn("registry: {} is not served as it came: {}", cache::label_of(image),
                original.error().describe());
    } else if (*original) {
      originals.emplace(image.id, **std::move(original));
    }
  }
  catalogue_.add(cache.manifest(), originals);
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
  const Fd& cache = caches_[content.cache];
  switch (content.form) {
  case Content::Form::document:
    return sys::open_regular_beneath(cache, cache::document_file(digest));
  case Content::Form::carried_layer:
    return cache::open_blob(cache, digest, content.size);
  case Content::Form::config:
  case Content::Form::made_manifest:
  case Content::Form::made_layer:
    break;
  }
  return sys::open_regular_beneath(cache, cache::config_file(digest));
}

void Shelf::rest() {
  const std::lock_guard lock(mutex_);
  kept_ = {};
}

} // namespace dind::registry
