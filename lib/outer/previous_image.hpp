#pragma once

#include <base/json.hpp>
#include <cache/manifest.hpp>
#include <images/bundle.hpp>
#include <images/image.hpp>
#include <outer/blob_writer.hpp>

#include <boost/filesystem/path.hpp>

#include <string>
#include <unordered_map>

namespace dind::outer {

// Annotations of our layers' descriptors: the diff ID of the inner layer, and how the
// bytes were made, which is the same wherever they may be taken over.
inline constexpr const char* kLayerAnnotation = "dind-init.layer";
inline constexpr const char* kRecipeAnnotation = "dind-init.recipe";
// The digest of the compressed layer that an outer layer carries.
inline constexpr const char* kBlobAnnotation = "dind-init.blob";

// A layer that an earlier run made, and its blob.
struct KeptLayer {
  OuterLayer layer;
  images::Stored bytes;
};

// One that holds an inner layer, and what cache.json said of that.
struct KeptInnerLayer : KeptLayer {
  cache::Layer facts;
};

// Outer layers that an earlier run made, for a run that would make the same bytes again.
class PreviousLayers {
public:
  PreviousLayers() = default;
  // Of all images in an OCI layout that this program made by `recipe`. Others are passed over.
  // What cannot be used is a warning, and has to be made again.
  static PreviousLayers read(const boost::filesystem::path& layout, const std::string& recipe);

  bool empty() const { return all_.empty(); }
  // By the diff ID of the inner layer; nullptr if there is none.
  const KeptInnerLayer* find_inner(const Digest& diff_id) const;
  // By the digest of the compressed layer that it carries.
  const KeptLayer* find_blob(const Digest& digest) const;
  // By the layer's own diff ID.
  const KeptLayer* find(const Digest& diff_id) const;

  // Puts the blob into `dir`, by a link if both are on one filesystem. Its bytes must still hash to
  // its digest.
  Result<OuterLayer> take_over(const KeptLayer& kept, const Fd& dir) const;

  const images::Warnings& warnings() const { return warnings_; }
  // Why there is nothing, where that is no flaw, as in the first run of many; else empty.
  const std::string& absence() const { return absence_; }

private:
  Result<void> read_layout(const std::string& recipe);
  Result<void> read_image(const images::Bundle& bundle, const Digest& digest,
                          const std::string& recipe);
  Result<void> add_image(const images::Bundle& bundle, const json::Fields& manifest,
                         const std::string& recipe);

  boost::filesystem::path layout_;
  std::unordered_map<Digest, KeptInnerLayer> inner_;
  std::unordered_map<Digest, KeptLayer> blobs_;
  std::unordered_map<Digest, KeptLayer> all_;
  images::Warnings warnings_;
  std::string absence_;
};

} // namespace dind::outer
