#pragma once

#include <base/result.hpp>

#include <string>
#include <string_view>

namespace dind::outer {

// Where a finished image goes, as it is written on a command line:
//
//   oci:DIR[:REF]        an OCI image layout, new or one to add to
//   oci-archive:FILE     the same in a tar
//   docker-archive:FILE  what `docker load` takes; FILE may be -
//   docker-daemon:       the engine of DOCKER_HOST
struct ImageTarget {
  enum class Kind { oci_layout, oci_archive, docker_archive, docker_daemon };

  Kind kind = Kind::oci_layout;
  std::string path;
  std::string reference;

  // Layers as registries hold them, or as plain tars, which every engine loads.
  bool compressed() const { return kind == Kind::oci_layout || kind == Kind::oci_archive; }
};

inline constexpr std::string_view kTargetForms =
    "oci:DIR[:REF], oci-archive:FILE[:REF], docker-archive:FILE or docker-daemon:";

// Pure.
Result<ImageTarget> parse_image_target(std::string_view text);

} // namespace dind::outer
