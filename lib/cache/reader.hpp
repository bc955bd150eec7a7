#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <cache/manifest.hpp>
#include <cache/skeleton.hpp>

#include <boost/filesystem/path.hpp>

#include <string>

namespace dind::cache {

// Names inside a cache.
inline constexpr const char* kTreeName = "tree";                  // in a layer's directory
inline constexpr const char* kTarSplitName = "tar-split.json.gz"; // beside it
// Of a layer with ten million members it has about half of that.
inline constexpr off_t kTarSplitLimit = off_t{1} << 30;
inline constexpr const char* kDocumentsDir = "manifest"; // manifests and indexes as they came
inline constexpr const char* kBlobsDir = "blob";   // compressed layers, where they are carried
std::string layer_dir(const Digest& diff_id);      // "layer/<hex>"
std::string tree_dir(const Digest& diff_id);       // "layer/<hex>/tree"
std::string tar_split_file(const Digest& diff_id); // "layer/<hex>/tar-split.json.gz"
std::string config_file(const Digest& image_id);   // "config/<hex>.json"
std::string document_file(const Digest& digest);   // "manifest/<hex>.json"
std::string blob_file(const Digest& digest);       // "blob/<hex>"
// A symlink to a layer's directory, by which a data root borrows from it: a symlink of more than 59
// bytes takes a block of its own. Caches of earlier versions have none.
inline constexpr const char* kShortNamesDir = "l";
std::string short_name(const Digest& diff_id);        // "l/<16 digits>"
std::string short_name_target(const Digest& diff_id); // "../layer/<hex>"

// Of the cache whose directory `root` is; the tar-split is a regular file of at most 1 GiB.
Result<Fd> open_tree(const Fd& root, const Digest& diff_id);
Result<Fd> open_tar_split(const Fd& root, const Digest& diff_id);
// The bytes of a blob that is carried: a regular file of its size. They are not hashed.
Result<Fd> open_blob(const Fd& root, const Digest& digest, std::uint64_t size);

// Whether `path` is a name of that layer's tree in the cache at `cache`.
bool is_tree_of(const boost::filesystem::path& path, const boost::filesystem::path& cache,
                const Digest& diff_id);
// The cache in which `path`, absolute, would be a name of that layer's tree, or of another name of
// its directory; nullopt if it is of no such form.
std::optional<boost::filesystem::path> cache_of(const boost::filesystem::path& path,
                                                const Digest& diff_id,
                                                const std::string& name = kTreeName);

// A cache on disk, opened. It is not trusted: everything is reached beneath its
// descriptor with no symlink followed, and bounded.
class Cache {
public:
  // `path` must hold a cache.json of a format that is known; the error says if
  // it is newer. `path` itself may be a symlink.
  static Result<Cache> open(const boost::filesystem::path& path);

  const boost::filesystem::path& path() const { return path_; }
  const Fd& root() const { return root_; }
  const Manifest& manifest() const { return manifest_; }
  // sha256 of cache.json.
  const Digest& digest() const { return digest_; }

  // The path of the layer's directory for symlinks to what is in it: the short one, if there is
  // one.
  boost::filesystem::path path_to_layer(const Digest& diff_id) const;
  Result<Fd> open_tree(const Digest& diff_id) const { return cache::open_tree(root_, diff_id); }
  Result<Fd> open_tar_split(const Digest& diff_id) const {
    return cache::open_tar_split(root_, diff_id);
  }
  Result<Skeleton> read_skeleton(const Digest& diff_id) const; // empty if the layer has none
  // Whose hash is the image's ID; at most 16 MiB.
  Result<std::string> read_config(const Digest& image_id) const;
  // One that cache.json lists, whose hash is its digest.
  Result<std::string> read_document(const Document& document) const;

private:
  Cache(boost::filesystem::path path, Fd root, Manifest manifest, Digest digest)
      : path_(std::move(path)), root_(std::move(root)), manifest_(std::move(manifest)),
        digest_(std::move(digest)) {}

  boost::filesystem::path path_;
  Fd root_;
  Manifest manifest_;
  Digest digest_;
};

// The skeleton of a layer of the cache whose directory `root` is, which this start may not use.
// Empty if the layer has none.
Result<Skeleton> read_skeleton(const Fd& root, const Digest& diff_id);

} // namespace dind::cache
