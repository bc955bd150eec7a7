#pragma once

#include <bake/blob_writer.hpp>
#include <bake/bundle.hpp>
#include <base/json.hpp>
#include <cache/manifest.hpp>

#include <boost/filesystem/path.hpp>

#include <memory>
#include <string>
#include <unordered_map>

namespace dind::bake {

// Annotations of our layers' descriptors: the diff ID of the inner layer, and how the
// bytes were made, which is the same wherever they may be taken over.
inline constexpr const char* kLayerAnnotation = "dind-init.layer";
inline constexpr const char* kRecipeAnnotation = "dind-init.recipe";

// Outer layers that an earlier run made, for a run that would make the same bytes again.
class PreviousLayers {
public:
  struct Known {
    OuterLayer layer;
    cache::Layer facts;
    Stored bytes;
  };

  PreviousLayers() = default;
  // Of all images in an OCI layout that this program made by `recipe`. Others are passed over; none
  // is no error, nor is a layout that does not exist yet.
  static Result<PreviousLayers> read(const boost::filesystem::path& layout,
                                     const std::string& recipe);

  // By the diff ID of the inner layer; nullptr if there is none.
  const Known* find(const Digest& diff_id) const;
  bool empty() const { return known_.empty(); }

private:
  Result<void> add_image(const Bundle& bundle, const json::Fields& manifest,
                         const std::string& recipe);

  std::unordered_map<Digest, Known> known_;
};

// Puts a blob of an earlier run into `dir`, by a link if both are on one filesystem. Its bytes must
// still hash to its digest.
Result<void> take_over(const PreviousLayers::Known& known, const boost::filesystem::path& layout,
                       const Fd& dir);

} // namespace dind::bake
