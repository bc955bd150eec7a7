#pragma once

#include <cache/manifest.hpp>

#include <string>

namespace dind::containerd {

inline constexpr const char* kManifestType = "application/vnd.docker.distribution.manifest.v2+json";

// The manifest of an image whose layers are not compressed, so that the digest of each blob is the
// layer's diff ID: byte for byte the one that an engine makes when it loads a docker archive of the
// image. `layers` describes the image's, all of them.
std::string made_manifest(const cache::Image& image, const cache::Manifest& layers);

} // namespace dind::containerd
