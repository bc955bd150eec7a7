#pragma once

#include <base/digest.hpp>
#include <cache/manifest.hpp>
#include <cache/reference.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace dind::registry {

// What a digest names, and where its bytes come from.
struct Content {
  enum class Form {
    made_manifest, // printed where it is asked for (containerd::made_manifest)
    document,      // a manifest or an index as it came: a file of the cache
    config,        // a file of the cache
    made_layer,    // the layer's tar, made again from tree and tar-split (blobs::LayerBlob)
    carried_layer  // compressed, as it came: a file of the cache
  };
  Form form = Form::config;
  std::uint64_t size = 0;
  std::size_t cache = 0; // which of them has it, in the order in which they were added
  std::size_t place = 0; // of a made manifest or a document: among the catalogue's

  bool is_manifest() const { return form == Form::made_manifest || form == Form::document; }
  bool operator==(const Content&) const = default;
};

// Tags as the specification lists them: letters of either case as one, unless nothing else differs.
struct TagOrder {
  bool operator()(std::string_view one, std::string_view other) const;
};

// What a registry of these caches has: tags lead to manifests, and manifests to blobs. Knows
// nothing of files and of HTTP, and is not changed any more once it is served.
class Catalogue {
public:
  // What an earlier cache has counts. `originals` are documents that tags lead to, by image ID: of
  // images whose blobs are all there as they came.
  void add(const cache::Manifest& manifest, const std::map<Digest, Digest>& originals = {});

  const Content* find(const Digest& digest) const;
  // By tag or by digest; null if it is not there, or is no manifest.
  std::optional<Digest> find_manifest(const cache::Reference& reference) const;
  std::string_view media_type(const Content& content) const;
  // The text of a manifest that is made, whose hash is its digest.
  std::string made_manifest(const Content& content) const;

  using Tags = std::map<std::string, Digest, TagOrder>;
  // Null if none of its tags is here. "docker.io/library/alpine".
  const Tags* tags_of(const std::string& repository) const;
  const std::map<std::string, Tags>& repositories() const { return repositories_; }

private:
  struct MadeImage {
    Digest config;
    std::uint64_t config_bytes = 0;
    std::vector<Digest> layers;
  };
  void add_contents(const cache::Manifest& manifest);
  Digest add_made_manifest(const cache::Image& image);
  std::string print(const MadeImage& image) const;

  std::vector<MadeImage> images_;
  std::vector<std::string> document_types_;
  std::unordered_map<Digest, Content> contents_;
  std::map<std::string, Tags> repositories_;
  std::size_t caches_ = 0;
};

} // namespace dind::registry
