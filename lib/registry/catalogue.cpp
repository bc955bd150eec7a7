#include <registry/catalogue.hpp>

#include <archive/sha256.hpp>
#include <containerd/made_manifest.hpp>

#include <utility>

namespace dind::registry {

std::string_view Content::media_type() const {
  return is_manifest() ? containerd::kManifestType : "application/octet-stream";
}

// Layers are known before a manifest of theirs is made: they say how large its blobs are.
void Catalogue::add(const cache::Manifest& manifest) {
  for (const cache::Layer& layer : manifest.layers) {
    contents_.emplace(layer.diff_id,
                      Content{Content::Form::made_layer, layer.tar_bytes, caches_, 0});
  }
  for (const cache::Image& image : manifest.images) {
    images_.push_back({image.id, image.config_bytes, image.layers});
    const std::string text = print(images_.back());
    const Digest digest = archive::sha256_of(text);
    contents_.emplace(image.id, Content{Content::Form::config, image.config_bytes, caches_, 0});
    contents_.emplace(
        digest, Content{Content::Form::made_manifest, text.size(), caches_, images_.size() - 1});
    for (const std::string& name : image.names) {
      if (const auto reference = cache::parse_reference(name); reference && !reference->digest) {
        repositories_[reference->repository()].emplace(reference->tag, digest);
      }
    }
  }
  ++caches_;
}

const Content* Catalogue::find(const Digest& digest) const {
  const auto found = contents_.find(digest);
  return found == contents_.end() ? nullptr : &found->second;
}

std::optional<Digest> Catalogue::find_manifest(const cache::Reference& reference) const {
  if (reference.digest) {
    const Content* const content = find(*reference.digest);
    return content && content->is_manifest() ? reference.digest : std::nullopt;
  }
  const Tags* const tags = tags_of(reference.repository());
  const auto found = tags ? tags->find(reference.tag) : Tags::const_iterator();
  return tags && found != tags->end() ? std::optional(found->second) : std::nullopt;
}

std::string Catalogue::made_manifest(const Content& content) const {
  return print(images_[content.image]);
}

const Catalogue::Tags* Catalogue::tags_of(const std::string& repository) const {
  const auto found = repositories_.find(repository);
  return found == repositories_.end() ? nullptr : &found->second;
}

std::string Catalogue::print(const MadeImage& image) const {
  cache::Manifest layers;
  for (const Digest& diff_id : image.layers) {
    if (!layers.find(diff_id)) {
      layers.layers.push_back({.diff_id = diff_id, .tar_bytes = contents_.at(diff_id).size});
    }
  }
  return containerd::made_manifest(
      {.id = image.config, .config_bytes = image.config_bytes, .layers = image.layers}, layers);
}

} // namespace dind::registry
