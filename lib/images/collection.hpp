#pragma once

#include <images/image.hpp>
#include <images/source.hpp>

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace dind::images {

// A layer to be written, and where its bytes are: `origins` differ in their
// stored form, and the first is the one that gets unpacked.
struct PlannedLayer {
  Digest diff_id;
  std::vector<LayerOrigin> origins;
  std::vector<cache::Blob> blobs; // of all sources, with their repositories
};

struct PlannedImage {
  cache::Image image;
  std::string config;
};

// By digest.
using PlannedDocuments = std::map<Digest, SourceDocument>;

// A layer that cannot be had from one of its places.
struct LayerFailure {
  Digest diff_id;
  LayerOrigin origin;
  Error why;
};

// What the sources amount to: each image and each layer once.
class Collection {
public:
  // In the order of the sources.
  const std::vector<PlannedImage>& images() const { return images_; }
  // In the order of first use.
  const std::vector<PlannedLayer>& layers() const { return layers_; }
  // Manifests and indexes of the images, as they came.
  const PlannedDocuments& documents() const { return documents_; }
  const Warnings& warnings() const { return warnings_; }
  // Images that cannot be had, each with its name, in the order found.
  const std::vector<Error>& refused() const { return refused_; }

  // Adds the images of another source. A name that it gives to another image moves there.
  Result<void> add(std::vector<SourceImage> sources, const Warnings& warnings);
  void refuse(Error why) { refused_.push_back(std::move(why)); }
  // Once all are in: digests by name, parents that are missing, images without a name.
  void settle();
  // Marks the image that has this name, digest or ID; the error lists what there is.
  Result<void> mark_copy(const std::string& reference);
  // Without the images that have a layer from one of these places, which are refused unless
  // another source has them, too.
  Result<Collection> without(const std::vector<LayerFailure>& failures) const;

private:
  Result<void> add(const std::vector<SourceImage>& sources);
  void add_layers(const SourceImage& source);
  void take_names(const cache::Image& image);
  void add_image(const SourceImage& source);
  bool has_image(const Digest& id) const { return image_index_.contains(id); }

  std::vector<SourceImage> sources_;
  std::vector<PlannedImage> images_;
  std::vector<PlannedLayer> layers_;
  PlannedDocuments documents_;
  std::unordered_map<Digest, std::size_t> image_index_;
  std::unordered_map<Digest, std::size_t> layer_index_;
  Warnings warnings_;
  std::vector<Error> refused_;
};

// Reads all sources. One whose content is not what it should be, or an image of one, is refused;
// any other error ends it.
Result<Collection> collect(const std::vector<SourceSpec>& sources, const Reading& reading);

} // namespace dind::images
