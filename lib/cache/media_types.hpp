#pragma once

namespace dind::cache {

// What OCI calls documents, which need not say it themselves (image spec, media-types.md).
inline constexpr const char* kOciIndexType = "application/vnd.oci.image.index.v1+json";
inline constexpr const char* kOciManifestType = "application/vnd.oci.image.manifest.v1+json";

} // namespace dind::cache
