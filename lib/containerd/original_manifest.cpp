#include <containerd/original_manifest.hpp>

#include <base/json.hpp>

#include <algorithm>
#include <utility>

namespace dind::containerd {
namespace {

constexpr std::size_t kMaxManifests = 1000; // of an index

Result<Digest> digest_of(const json::value& descriptor) {
  const auto fields = TRY(json::Fields::of(descriptor));
  const std::string text = TRY(fields.text("digest"));
  return Digest::parse(text);
}

// Whether the bytes of this blob of a layer can be had; an error if it is none of that layer.
Result<bool> has_bytes(const Digest& digest, const cache::Layer& layer) {
  if (digest == layer.diff_id) {
    return true;
  }
  const auto known = std::find_if(layer.blobs.begin(), layer.blobs.end(),
                                  [&](const cache::Blob& blob) { return blob.digest == digest; });
  return known != layer.blobs.end()
             ? Result<bool>(known->carried)
             : input_error("{} is no blob of layer {}", digest.text(), layer.diff_id.text());
}

Result<OriginalManifest> parse_manifest(const cache::Manifest& cache, const cache::Image& image,
                                        const cache::Document& facts, std::string text) {
  const json::value document = TRY(json::parse(text));
  const auto fields = TRY(json::Fields::of(document));
  const json::object* const config = TRY(fields.child("config"));
  if (TRY(digest_of(*config)) != image.id) {
    return input_error("its configuration is not the image's");
  }
  const json::array* const layers = TRY(fields.list("layers"));
  if (layers->size() != image.layers.size()) {
    return input_error("it has {} layers, and the image {}", layers->size(), image.layers.size());
  }
  OriginalManifest manifest{facts, std::move(text), {}};
  for (std::size_t i = 0; i < layers->size(); ++i) {
    manifest.blobs.push_back(TRY(digest_of((*layers)[i])));
    const bool there = TRY(has_bytes(manifest.blobs.back(), *cache.find(image.layers[i])));
    manifest.is_whole = manifest.is_whole && there;
  }
  return manifest;
}

Result<OriginalIndex> parse_index(const cache::Document& facts, std::string text) {
  const json::value document = TRY(json::parse(text));
  const auto fields = TRY(json::Fields::of(document));
  const json::array* const listed = TRY(fields.list("manifests"));
  if (listed->size() > kMaxManifests) {
    return input_error("it lists {} manifests; at most {} are possible", listed->size(),
                       kMaxManifests);
  }
  OriginalIndex index{facts, std::move(text), {}};
  for (const json::value& descriptor : *listed) {
    index.manifests.push_back(TRY(digest_of(descriptor)));
  }
  return index;
}

const cache::Document* find(const cache::Cache& cache, const std::optional<Digest>& digest) {
  return digest ? cache.manifest().find_document(*digest) : nullptr;
}

} // namespace

Result<std::optional<OriginalManifest>> read_original_manifest(const cache::Cache& cache,
                                                               const cache::Image& image) {
  const cache::Document* const facts = find(cache, image.manifest);
  if (!facts) {
    return std::optional<OriginalManifest>();
  }
  std::string text = TRY(cache.read_document(*facts));
  return std::optional(TRY(parse_manifest(cache.manifest(), image, *facts, std::move(text))
                               .within(cache::document_file(facts->digest))));
}

Result<std::optional<OriginalIndex>> read_original_index(const cache::Cache& cache,
                                                         const cache::Image& image) {
  const cache::Document* const facts = find(cache, image.index);
  if (!facts) {
    return std::optional<OriginalIndex>();
  }
  std::string text = TRY(cache.read_document(*facts));
  auto index =
      TRY(parse_index(*facts, std::move(text)).within(cache::document_file(facts->digest)));
  // Through a further index nothing is followed.
  const auto& listed = index.manifests;
  const bool leads_there =
      image.manifest && std::find(listed.begin(), listed.end(), *image.manifest) != listed.end();
  return leads_there ? std::optional(std::move(index)) : std::nullopt;
}

} // namespace dind::containerd
