#pragma once

#include <images/image.hpp>
#include <images/image_config.hpp>

#include <memory>
#include <string>
#include <vector>

namespace dind::images {

inline constexpr const char* kDockerManifest = "manifest.json";

// The images of what `docker save` writes (moby image/tarexport/save.go): through
// version 24 with a directory a layer, from 25 on with blobs/sha256. Other
// programs' archives (skopeo, crane, kaniko) may hold compressed layers. A
// `reference` picks the image that has this name, or this ID. An image that cannot be had costs no
// other.
Result<SourceContent> read_docker_archive(std::shared_ptr<const Bundle> bundle,
                                          const std::string& reference,
                                          const std::string& platform = host_platform());

} // namespace dind::images
