#pragma once

#include <images/image.hpp>
#include <images/image_config.hpp>

#include <memory>
#include <string>
#include <vector>

namespace dind::images {

inline constexpr const char* kOciLayoutFile = "oci-layout";
inline constexpr const char* kOciIndex = "index.json";

// The images of an OCI image layout (OCI image spec, image-layout.md) for `platform`. A `reference`
// picks one: by its annotation as it is written, by its normalised name, or by its digest; it also
// names an image whose annotations do not, such as `NAME:TAG` for one that is annotated `TAG`. An
// image that cannot be had costs no other.
Result<SourceContent> read_oci_layout(std::shared_ptr<const Bundle> bundle,
                                      const std::string& reference,
                                      const std::string& platform = host_platform());

} // namespace dind::images
