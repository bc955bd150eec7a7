#include <cache/manifest.hpp>

#include <archive/sha256.hpp>
#include <base/json.hpp>
#include <cache/reference.hpp>
#include <cache/skeleton.hpp>

#include <algorithm>
#include <unordered_set>

namespace dind::cache {
namespace {

constexpr std::size_t kLongestMediaType = 255; // RFC 6838, 4.2: twice 127, and the slash

json::array texts(const std::vector<std::string>& list) {
  json::array array;
  for (const std::string& text : list) {
    array.emplace_back(text);
  }
  return array;
}

json::object to_json(const Image& image) {
  json::object object;
  object["id"] = image.id.text();
  object["names"] = texts(image.names);
  object["digests"] = texts(image.digests);
  const auto put_digest = [&](const char* key, const std::optional<Digest>& digest) {
    if (digest) {
      object[key] = digest->text();
    }
  };
  put_digest("manifest", image.manifest);
  put_digest("index", image.index);
  put_digest("parent", image.parent);
  object["platform"] = image.platform;
  object["config_bytes"] = image.config_bytes;
  object["seed"] = image.copy ? "copy" : "auto";
  json::array layers;
  for (const Digest& layer : image.layers) {
    layers.emplace_back(layer.text());
  }
  object["layers"] = std::move(layers);
  return object;
}

json::object to_json(const Sentinel& sentinel) {
  json::object object;
  object["path"] = sentinel.path;
  object["mode"] = sentinel.mode;
  object["uid"] = sentinel.uid;
  object["gid"] = sentinel.gid;
  object["size"] = sentinel.size;
  object["mtime"] = sentinel.mtime;
  object["links"] = sentinel.links;
  object["capability"] = sentinel.capability;
  return object;
}

json::object to_json(const Blob& blob) {
  json::object object;
  object["digest"] = blob.digest.text();
  object["size"] = blob.size;
  object["media_type"] = blob.media_type;
  object["repositories"] = texts(blob.repositories);
  if (blob.carried) {
    object["carried"] = true;
  }
  return object;
}

json::object to_json(const Document& document) {
  json::object object;
  object["digest"] = document.digest.text();
  object["size"] = document.size;
  object["media_type"] = document.media_type;
  return object;
}

json::object to_json(const Layer& layer);
json::object to_json(const BuildCache& build);

template <typename T>
json::array list_to_json(const std::vector<T>& items) {
  json::array array;
  for (const T& item : items) {
    array.emplace_back(to_json(item));
  }
  return array;
}

json::object to_json(const Layer& layer) {
  json::object object;
  object["diff_id"] = layer.diff_id.text();
  object["entries"] = layer.entries;
  object["bytes"] = layer.bytes;
  object["tar_bytes"] = layer.tar_bytes;
  object["only_directories"] = layer.only_directories;
  object["marks"] = layer.marks;
  object["mark_dirs"] = layer.mark_dirs;
  if (!layer.copy_reason.empty()) {
    object["copy_reason"] = layer.copy_reason;
  }
  object["sentinels"] = list_to_json(layer.sentinels);
  object["blobs"] = list_to_json(layer.blobs);
  return object;
}

json::object to_json(const BuildCache& build) {
  json::object object;
  object["name"] = build.name;
  object["document"] = build.document.text();
  object["blobs"] = list_to_json(build.blobs);
  return object;
}

Result<std::optional<Digest>> digest_or_none(const json::Fields& fields, std::string_view key) {
  if (!fields.has(key)) {
    return std::optional<Digest>();
  }
  const std::string text = TRY(fields.text(key));
  return std::optional<Digest>(TRY(Digest::parse(text).within(key)));
}

Result<Digest> digest_of(const json::Fields& fields, std::string_view key) {
  const std::string text = TRY(fields.text(key));
  return Digest::parse(text).within(key);
}

Result<std::uint32_t> number32(const json::Fields& fields, std::string_view key) {
  const std::uint64_t number = TRY(fields.number(key));
  if (number > UINT32_MAX) {
    return input_error("\"{}\" is too large", key);
  }
  return static_cast<std::uint32_t>(number);
}

// A name as docker prints it, so that what reaches repositories.json is in its grammar.
Result<void> check_names(const std::vector<std::string>& names, bool digested) {
  for (const std::string& name : names) {
    const Reference reference = TRY(parse_reference(name));
    const bool right = digested ? reference.digest && reference.tag.empty() &&
                                      reference.familiar_digested(*reference.digest) == name
                                : !reference.digest && reference.familiar_tagged() == name;
    if (!right) {
      return input_error("\"{}\" is not a familiar {}", name,
                         digested ? "name@digest" : "name:tag");
    }
  }
  return {};
}

Result<Image> parse_image(const json::value& item) {
  const auto fields = TRY(json::Fields::of(item));
  Image image{.id = TRY(digest_of(fields, "id"))};
  image.names = TRY(fields.texts_or_none("names"));
  image.digests = TRY(fields.texts_or_none("digests"));
  TRY(check_names(image.names, false));
  TRY(check_names(image.digests, true));
  image.manifest = TRY(digest_or_none(fields, "manifest"));
  image.index = TRY(digest_or_none(fields, "index"));
  image.parent = TRY(digest_or_none(fields, "parent"));
  image.platform = TRY(fields.text("platform"));
  image.config_bytes = TRY(fields.number("config_bytes"));
  const std::string wish = TRY(fields.text("seed"));
  if (wish != "auto" && wish != "copy") {
    return input_error("\"seed\" is \"{}\", not auto or copy", wish);
  }
  image.copy = wish == "copy";
  const auto layers = TRY(fields.texts_or_none("layers"));
  if (layers.size() > kMaxDepth) {
    return input_error("image {} has {} layers; at most {} are possible", image.id.hex(),
                       layers.size(), kMaxDepth);
  }
  for (const std::string& layer : layers) {
    image.layers.push_back(TRY(Digest::parse(layer).within("layers")));
  }
  return image;
}

Result<Sentinel> parse_sentinel(const json::value& item) {
  const auto fields = TRY(json::Fields::of(item));
  Sentinel sentinel;
  sentinel.path = TRY(fields.text("path"));
  if (!is_safe_path(sentinel.path, Root::refused)) {
    return input_error("unsafe path \"{}\"", sentinel.path);
  }
  sentinel.mode = TRY(number32(fields, "mode"));
  sentinel.uid = TRY(number32(fields, "uid"));
  sentinel.gid = TRY(number32(fields, "gid"));
  sentinel.size = TRY(fields.number("size"));
  sentinel.mtime = TRY(fields.integer_or("mtime", 0));
  sentinel.links = TRY(fields.number("links"));
  sentinel.capability = TRY(fields.flag_or("capability", false));
  return sentinel;
}

Result<std::string> media_type_of(const json::Fields& fields) {
  std::string type = TRY(fields.text("media_type"));
  return is_media_type(type) ? Result<std::string>(std::move(type))
                             : input_error("\"media_type\" is none");
}

Result<Blob> parse_blob(const json::value& item) {
  const auto fields = TRY(json::Fields::of(item));
  Blob blob{.digest = TRY(digest_of(fields, "digest"))};
  blob.size = TRY(fields.number("size"));
  blob.media_type = TRY(media_type_of(fields));
  blob.repositories = TRY(fields.texts_or_none("repositories"));
  blob.carried = TRY(fields.flag_or("carried", false));
  return blob;
}

Result<Document> parse_document(const json::value& item) {
  const auto fields = TRY(json::Fields::of(item));
  Document document{.digest = TRY(digest_of(fields, "digest"))};
  document.size = TRY(fields.number("size"));
  document.media_type = TRY(media_type_of(fields));
  return document;
}

Result<Layer> parse_layer(const json::value& item) {
  const auto fields = TRY(json::Fields::of(item));
  Layer layer{.diff_id = TRY(digest_of(fields, "diff_id"))};
  layer.entries = TRY(fields.number("entries"));
  layer.bytes = TRY(fields.number("bytes"));
  layer.tar_bytes = TRY(fields.number("tar_bytes"));
  layer.only_directories = TRY(fields.flag_or("only_directories", false));
  layer.marks = TRY(fields.number("marks"));
  layer.mark_dirs = TRY(fields.number("mark_dirs"));
  layer.copy_reason = TRY(fields.text_or("copy_reason", ""));
  const json::array* sentinels = TRY(fields.list("sentinels"));
  for (const json::value& sentinel : *sentinels) {
    layer.sentinels.push_back(TRY(parse_sentinel(sentinel).within("sentinels")));
  }
  const json::array* blobs = TRY(fields.list("blobs"));
  for (const json::value& blob : *blobs) {
    layer.blobs.push_back(TRY(parse_blob(blob).within("blobs")));
  }
  return layer;
}

Result<BuildCache> parse_build_cache(const json::value& item) {
  const auto fields = TRY(json::Fields::of(item));
  BuildCache build{.name = TRY(fields.text("name")),
                   .document = TRY(digest_of(fields, "document"))};
  if (!is_build_cache_name(build.name)) {
    return input_error("\"{}\" is no name for a build cache", build.name);
  }
  const json::array* const blobs = TRY(fields.list("blobs"));
  if (blobs->size() > kMaxBuildCacheBlobs) {
    return input_error("{} blobs; at most {} are possible", blobs->size(), kMaxBuildCacheBlobs);
  }
  for (const json::value& blob : *blobs) {
    build.blobs.push_back(TRY(parse_blob(blob).within("blobs")));
  }
  return build;
}

Result<void> check_consistency(const Manifest& manifest) {
  std::unordered_set<Digest> layers;
  for (const Layer& layer : manifest.layers) {
    if (!layers.insert(layer.diff_id).second) {
      return input_error("layer {} is listed twice", layer.diff_id.hex());
    }
  }
  std::unordered_set<Digest> images;
  for (const Image& image : manifest.images) {
    if (!images.insert(image.id).second) {
      return input_error("image {} is listed twice", image.id.hex());
    }
    for (const Digest& layer : image.layers) {
      if (!layers.contains(layer)) {
        return input_error("image {} needs layer {}, which is not listed", image.id.hex(),
                           layer.hex());
      }
    }
  }
  // Each once, so that one is found by its digest.
  const bool is_sorted = std::adjacent_find(manifest.documents.begin(), manifest.documents.end(),
                                            [](const Document& one, const Document& next) {
                                              return !(one.digest < next.digest);
                                            }) == manifest.documents.end();
  if (!is_sorted) {
    return input_error("its documents are not sorted by digest");
  }
  for (const BuildCache& build : manifest.build_caches) {
    if (!manifest.find_document(build.document)) {
      return input_error("build cache {} needs document {}, which is not listed", build.name,
                         build.document.hex());
    }
  }
  return {};
}

} // namespace

bool is_build_cache_name(const std::string& text) {
  const auto parsed = parse_reference("cache/" + text);
  return parsed && parsed->repository() == "docker.io/cache/" + text;
}

bool is_media_type(std::string_view text) {
  return text.size() <= kLongestMediaType &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::string label_of(const Image& image) {
  return image.names.empty() ? image.id.text() : image.names.front();
}

const Layer* Manifest::find(const Digest& diff_id) const {
  const auto found = std::find_if(layers.begin(), layers.end(),
                                  [&](const Layer& layer) { return layer.diff_id == diff_id; });
  return found == layers.end() ? nullptr : &*found;
}

const Document* Manifest::find_document(const Digest& digest) const {
  const auto found = std::lower_bound(
      documents.begin(), documents.end(), digest,
      [](const Document& document, const Digest& wanted) { return document.digest < wanted; });
  return found == documents.end() || found->digest != digest ? nullptr : &*found;
}

std::string print_manifest(const Manifest& manifest) {
  json::object object;
  object["version"] = kFormatVersion;
  object["canary_capability"] = manifest.canary_capability;
  object["images"] = list_to_json(manifest.images);
  object["layers"] = list_to_json(manifest.layers);
  object["documents"] = list_to_json(manifest.documents);
  if (!manifest.build_caches.empty()) {
    object["build_caches"] = list_to_json(manifest.build_caches);
  }
  return json::print(object, json::Style::pretty);
}

Result<Manifest> parse_manifest(std::string_view text) {
  const json::value document = TRY(json::parse(text, kManifestValues));
  const auto fields = TRY(json::Fields::of(document));
  const std::uint64_t version = TRY(fields.number("version"));
  if (version > kFormatVersion) {
    return input_error("the cache has format {}, and this program knows format {} and older: "
                       "update dind-init",
                       version, kFormatVersion);
  }
  if (version == 0) {
    return input_error("there is no format 0");
  }
  Manifest manifest;
  manifest.canary_capability = TRY(fields.flag_or("canary_capability", true));
  const json::array* images = TRY(fields.list("images"));
  const json::array* layers = TRY(fields.list("layers"));
  if (images->size() > kMaxImages || layers->size() > kMaxLayers) {
    return input_error("{} images and {} layers; at most {} and {} are possible", images->size(),
                       layers->size(), kMaxImages, kMaxLayers);
  }
  for (const json::value& image : *images) {
    manifest.images.push_back(TRY(parse_image(image).within("images")));
  }
  for (const json::value& layer : *layers) {
    manifest.layers.push_back(TRY(parse_layer(layer).within("layers")));
  }
  // Caches of earlier versions have none.
  if (const json::array* const documents = TRY(fields.list_or_none("documents"))) {
    if (documents->size() > kMaxDocuments) {
      return input_error("{} documents; at most {} are possible", documents->size(), kMaxDocuments);
    }
    for (const json::value& item : *documents) {
      manifest.documents.push_back(TRY(parse_document(item).within("documents")));
    }
  }
  if (const json::array* const builds = TRY(fields.list_or_none("build_caches"))) {
    if (builds->size() > kMaxBuildCaches) {
      return input_error("{} build caches; at most {} are possible", builds->size(),
                         kMaxBuildCaches);
    }
    for (const json::value& build : *builds) {
      manifest.build_caches.push_back(TRY(parse_build_cache(build).within("build_caches")));
    }
  }
  TRY(check_consistency(manifest));
  return manifest;
}

Digest next_chain_id(const std::optional<Digest>& parent, const Digest& diff_id) {
  return parent ? archive::sha256_of(parent->text() + " " + diff_id.text()) : diff_id;
}

std::vector<Digest> chain_ids(std::span<const Digest> diff_ids) {
  std::vector<Digest> chain;
  std::optional<Digest> parent;
  for (const Digest& diff_id : diff_ids) {
    parent = next_chain_id(parent, diff_id);
    chain.push_back(*parent);
  }
  return chain;
}

} // namespace dind::cache
