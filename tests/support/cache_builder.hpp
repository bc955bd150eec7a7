#pragma once

#include <cache/manifest.hpp>
#include <support/temp_dir.hpp>

#include <map>
#include <string>
#include <vector>

namespace dind::test {

// A small cache, written by hand as the format says: layers from tars, images from layers.
class CacheBuilder {
public:
  // Returns the diff ID. `marked` lists what the tar deletes ("a/b"), as whiteouts.
  Digest add_layer(const std::string& tar, const std::vector<std::string>& whiteouts = {});
  Digest add_image(const std::string& name, const std::vector<Digest>& layers);
  Digest add_image(const std::string& name, const std::vector<Digest>& layers,
                   const std::string& config);
  // The image came from a registry, with a manifest of compressed layers and an index, which the
  // cache has; and the compressed layers as well, if they are `carried`.
  enum class Compressed { carried, left_out };
  void came_from_registry(const Digest& image_id, Compressed compressed);
  // Writes cache.json with all that was added.
  void finish();

  cache::Manifest& manifest() { return manifest_; }
  const TempDir& dir() const { return dir_; }

private:
  Digest add_document(const std::string& text, const std::string& media_type);

  TempDir dir_;
  std::map<Digest, std::string> tars_; // by diff ID
  cache::Manifest manifest_;
};

} // namespace dind::test
