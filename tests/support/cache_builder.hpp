#pragma once

#include <cache/manifest.hpp>
#include <support/temp_dir.hpp>

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
  // Writes cache.json with all that was added.
  void finish();

  cache::Manifest& manifest() { return manifest_; }
  const TempDir& dir() const { return dir_; }

private:
  TempDir dir_;
  cache::Manifest manifest_;
};

} // namespace dind::test
