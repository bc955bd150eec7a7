#pragma once

#include <base/digest.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>
#include <cache/manifest.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>

namespace dind::store {

// A layer's record in layerdb (moby layer/filestore.go).
struct LayerRecord {
  Digest chain_id;
  Digest diff_id;
  std::optional<Digest> parent; // chain ID
  std::string cache_id;
  std::uint64_t size = 0;
  // Either the absolute path of the cache's tar-split, which the record links to
  // as its layer is borrowed, too, or its file, to be copied from where it stands.
  std::string tar_split_path;
  const Fd* tar_split_file = nullptr;
};

// Tags and digests of repositories.json: "alpine:3.20" -> image ID. Empty if
// there is no such file.
Result<std::map<std::string, Digest>> read_references(const Fd& data_root,
                                                      const std::string& driver);

// Writes what dockerd knows of images, for one graph driver. Every call leaves
// dockerd's view whole: a record appears by a rename, under its final name.
// Not for use while dockerd runs.
class ImageMetadata {
public:
  // Makes the folders that are missing, with dockerd's modes.
  static Result<ImageMetadata> open(const Fd& data_root, const std::string& driver);

  // Replaces a record that is there: an unreachable layer is made anew.
  Result<void> add_layer(const LayerRecord& record) const;
  // Lets a pull of a newer tag find the layer by the digest of its compressed
  // form, and a push skip what the repository already has.
  Result<void> add_distribution(const cache::Layer& layer) const;
  // The configuration must hash to the image's ID. `parent` is the image's, if the engine has it.
  Result<void> add_image(const cache::Image& image, const std::string& config,
                         const std::optional<Digest>& parent) const;
  // Merges into repositories.json, durably. A name that is there stays as it is, unless
  // it still means an image that `given` says an earlier seeding gave it to.
  // Returns how many are new.
  Result<std::size_t> add_references(const std::map<std::string, Digest>& references,
                                     const std::map<std::string, std::set<Digest>>& given) const;

  // What is gone already is fine. References go before their images, images before
  // their layers, children before their parents.
  Result<void> remove_references(const std::set<Digest>& images) const;
  Result<void> remove_image(const Digest& id) const;
  Result<void> remove_layer(const Digest& chain_id) const;
  // Takes the tar-split out of a record that stays while its layer is made anew: nothing counts it
  // as whole until add_layer replaces it (read_state).
  Result<void> suspend_layer(const Digest& chain_id) const;

private:
  explicit ImageMetadata(std::string driver) : driver_(std::move(driver)) {}

  std::string driver_;
  Fd root_;
  Fd staging_;
  Fd layerdb_;
  Fd configs_;
  Fd metadata_;
  Fd diff_id_by_digest_;
  Fd metadata_by_diff_id_;
  Fd image_;
};

} // namespace dind::store
