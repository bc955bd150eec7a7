#include <registry/catalogue.hpp>

#include <archive/sha256.hpp>
#include <containerd/made_manifest.hpp>

#include <algorithm>
#include <utility>

namespace dind::registry {
namespace {

char lowered(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

} // namespace

bool TagOrder::operator()(std::string_view one, std::string_view other) const {
  const auto [at, beside] =
      std::mismatch(one.begin(), one.end(), other.begin(), other.end(),
                    [](char left, char right) { return lowered(left) == lowered(right); });
  if (at == one.end() && beside == other.end()) {
    return one < other;
  }
  return beside != other.end() && (at == one.end() || lowered(*at) < lowered(*beside));
}

void Catalogue::add(const cache::Manifest& manifest, const std::map<Digest, Digest>& originals) {
  add_contents(manifest);
  for (const cache::Image& image : manifest.images) {
    const Digest made = add_made_manifest(image);
    const auto original = originals.find(image.id);
    for (const std::string& name : image.names) {
      if (const auto reference = cache::parse_reference(name); reference && !reference->digest) {
        repositories_[reference->repository()].emplace(
            reference->tag, original == originals.end() ? made : original->second);
      }
    }
  }
  for (const cache::BuildCache& build : manifest.build_caches) {
    repositories_["docker.io/cache/" + build.name].emplace("latest", build.document);
  }
  ++caches_;
}

void Catalogue::add_contents(const cache::Manifest& manifest) {
  using Form = Content::Form;
  for (const cache::Layer& layer : manifest.layers) {
    contents_.emplace(layer.diff_id, Content{Form::made_layer, layer.tar_bytes, caches_, 0});
    for (const cache::Blob& blob : layer.blobs) {
      if (blob.carried) {
        contents_.emplace(blob.digest, Content{Form::carried_layer, blob.size, caches_, 0});
      }
    }
  }
  for (const cache::BuildCache& build : manifest.build_caches) {
    for (const cache::Blob& blob : build.blobs) {
      contents_.emplace(blob.digest, Content{Form::carried_layer, blob.size, caches_, 0});
    }
  }
  for (const cache::Document& document : manifest.documents) {
    contents_.emplace(document.digest,
                      Content{Form::document, document.size, caches_, document_types_.size()});
    document_types_.push_back(document.media_type);
  }
}

// Layers are known before it: they say how large its blobs are.
Digest Catalogue::add_made_manifest(const cache::Image& image) {
  images_.push_back({image.id, image.config_bytes, image.layers});
  const std::string text = print(images_.back());
  Digest digest = archive::sha256_of(text);
  contents_.emplace(image.id, Content{Content::Form::config, image.config_bytes, caches_, 0});
  contents_.emplace(
      digest, Content{Content::Form::made_manifest, text.size(), caches_, images_.size() - 1});
  return digest;
}

std::string_view Catalogue::media_type(const Content& content) const {
  switch (content.form) {
  case Content::Form::made_manifest:
    return containerd::kManifestType;
  case Content::Form::document:
    return document_types_[content.place];
  case Content::Form::config:
  case Content::Form::made_layer:
  case Content::Form::carried_layer:
    break;
  }
  return "application/octet-stream";
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
  return print(images_[content.place]);
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
