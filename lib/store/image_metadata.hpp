#pragma once

#include <base/digest.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>
#include <cache/reader.hpp>

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

// Writes what dockerd knows of images, for one storage driver. Not for use while dockerd runs.
// Every call leaves dockerd's view whole: what it sees appears at once, or after `flush`.
class ImageMetadata {
public:
  virtual ~ImageMetadata() = default;

  // Replaces a record that is there: an unreachable layer is made anew.
  virtual Result<void> add_layer(const LayerRecord& record) = 0;
  // Lets a pull of a newer tag find the layer by the digest of its compressed
  // form, and a push skip what the repository already has.
  virtual Result<void> add_distribution(const cache::Layer& layer) = 0;
  // An image of `cache`. `parent` is the image's, if the engine has it.
  virtual Result<void> add_image(const cache::Image& image, const cache::Cache& cache,
                                 const std::optional<Digest>& parent) = 0;
  // The layers and images that were added are there from here on, in dockerd's view too, and have
  // no names yet.
  virtual Result<void> flush() = 0;
  // Gives images their names, durably. A name that is there stays as it is, unless it still means
  // an image that `given` says an earlier seeding gave it to. Returns how many are new.
  virtual Result<std::size_t>
  add_references(const std::map<std::string, Digest>& references,
                 const std::map<std::string, std::set<Digest>>& given) = 0;

  // What is gone already is fine. References go before their images, images before
  // their layers, children before their parents.
  virtual Result<void> remove_references(const std::set<Digest>& images) = 0;
  virtual Result<void> remove_image(const Digest& id) = 0;
  virtual Result<void> remove_layer(const Digest& chain_id) = 0;
  // Of a layer that is made anew and whose record stays: nothing counts it as whole until
  // add_layer replaces it (read_state).
  virtual Result<void> suspend_layer(const Digest& chain_id) = 0;
};

} // namespace dind::store
