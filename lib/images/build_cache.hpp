#pragma once

#include <base/result.hpp>
#include <images/image.hpp>

#include <boost/filesystem/path.hpp>

#include <string>
#include <vector>

namespace dind::images {

// A build cache as BuildKit exports one to a directory
// (`docker buildx build --cache-to type=local,dest=DIR`, moby/buildkit
// cache/remotecache/export.go): an OCI layout whose document is an index that lists blobs, or a
// manifest of a configuration and layers. It is served as it is, and never read here beyond that.
struct BuildCache {
  std::string name; // "app": a path component, or several
  SourceDocument document;
  std::vector<LayerOrigin> blobs; // each once; `blob` is set
};

// The cache in `dir` that was exported last. An error without an errno says what is wrong with it;
// that a blob has the right bytes is not known yet.
Result<BuildCache> read_build_cache(const std::string& name, const boost::filesystem::path& dir);

} // namespace dind::images
