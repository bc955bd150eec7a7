#pragma once

#include <base/digest.hpp>
#include <base/result.hpp>

#include <time.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dind::cache {

// cache.json: what a cache holds. This project's own format; lib/README.md has
// the layout of the folders around it.
inline constexpr std::uint64_t kFormatVersion = 1;
inline constexpr const char* kManifestName = "cache.json";
// Of the cache's own files: the same at every bake.
inline constexpr timespec kFileTime = {0, 0};

// Bounds of what is believed of a cache.
inline constexpr std::size_t kManifestLimit = 64U << 20U; // bytes
inline constexpr std::size_t kManifestValues = 4'000'000; // of its JSON
inline constexpr std::size_t kMaxImages = 10'000;
inline constexpr std::size_t kMaxLayers = 100'000;
inline constexpr std::size_t kMaxDocuments = 20'000;
inline constexpr std::size_t kMaxBuildCaches = 1'000;
inline constexpr std::size_t kMaxBuildCacheBlobs = 10'000; // of one
inline constexpr std::size_t kMaxDepth =
    125; // layers of one image: moby layer/layer_store.go, maxLayerDepth

// One path of a layer's tree as it must look at boot: if it does not, the way
// the cache travelled has damaged the layer.
struct Sentinel {
  std::string path;
  std::uint32_t mode = 0; // with the file type's bits
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0; // of a regular file
  std::int64_t mtime = 0; // seconds
  std::uint64_t links = 1;
  bool capability = false; // has security.capability

  bool operator==(const Sentinel&) const = default;
};

// A compressed form of a layer, as a registry holds it.
struct Blob {
  Digest digest;
  std::uint64_t size = 0;
  std::string media_type;
  std::vector<std::string> repositories; // "docker.io/library/alpine", sorted
  bool carried = false;                  // its bytes are in the cache

  bool operator==(const Blob&) const = default;
};

struct Layer {
  Digest diff_id;
  std::uint64_t entries = 0;   // members of the tar
  std::uint64_t bytes = 0;     // of non-directories, each inode once: docker's layer size
  std::uint64_t tar_bytes = 0; // of the uncompressed tar
  bool only_directories = false;
  std::uint64_t marks = 0;     // whiteouts, opaque directories and nodes of the skeleton
  std::uint64_t mark_dirs = 0; // directories of the skeleton that hold them
  std::string copy_reason;     // why the layer must be copied; empty if it may be borrowed
  std::vector<Sentinel> sentinels;
  std::vector<Blob> blobs; // sorted by digest

  bool operator==(const Layer&) const = default;
};

struct Image {
  Digest id;                        // of the configuration
  std::vector<std::string> names;   // familiar, "alpine:3.20"
  std::vector<std::string> digests; // familiar, "alpine@sha256:..."
  std::optional<Digest> manifest;
  std::optional<Digest> index;
  std::optional<Digest> parent; // image this one was built on, where the archive says so
  std::string platform;         // "linux/amd64"
  std::uint64_t config_bytes = 0;
  bool copy = false;          // baked with --copy: never borrowed
  std::vector<Digest> layers; // diff IDs, base first

  bool operator==(const Image&) const = default;
};

// A manifest or an index as it came, of which the cache has the bytes.
struct Document {
  Digest digest;
  std::uint64_t size = 0;
  std::string media_type;

  bool operator==(const Document&) const = default;
};

// What BuildKit exported of a build, for a registry to serve as cache/<name>:latest.
struct BuildCache {
  std::string name;
  Digest document;         // one of the manifest's documents
  std::vector<Blob> blobs; // all carried

  bool operator==(const BuildCache&) const = default;
};

// Whether "cache/" and this is the name of a repository, without a tag.
bool is_build_cache_name(const std::string& text);

// Whether it can stand in a header of HTTP, as the registry sends it: printable ASCII. "": it is
// not known.
bool is_media_type(std::string_view text);

// The name by which people know an image.
std::string label_of(const Image& image);

struct Manifest {
  std::vector<Image> images;            // in the order in which they are seeded
  std::vector<Layer> layers;            // each diff ID once, in the order of first use
  std::vector<Document> documents = {}; // sorted by digest, each once
  std::vector<BuildCache> build_caches = {};
  bool canary_capability = true; // whether the canary could be given its capability

  const Layer* find(const Digest& diff_id) const;
  const Document* find_document(const Digest& digest) const;

  bool operator==(const Manifest&) const = default;
};

std::string print_manifest(const Manifest& manifest);

// Refuses a newer format by name, counts beyond the bounds, an image whose
// layers are not listed, IDs that are no digests, and unsafe paths.
Result<Manifest> parse_manifest(std::string_view text);

// chain ID: the diff ID of the lowest layer, then sha256("<chain ID> <diff ID>")
// (OCI image spec, config.md, "Layer ChainID").
Digest next_chain_id(const std::optional<Digest>& parent, const Digest& diff_id);
std::vector<Digest> chain_ids(std::span<const Digest> diff_ids);

} // namespace dind::cache
