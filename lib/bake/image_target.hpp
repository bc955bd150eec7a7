#pragma once

#include <archive/tar_writer.hpp>
#include <bake/blob_writer.hpp>
#include <base/result.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dind::bake {

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

// An image whose blobs are there.
struct FinishedImage {
  StoredBlob config;
  StoredBlob manifest;
  std::string platform;           // "linux/amd64"
  std::vector<OuterLayer> layers; // base first
  std::vector<std::string> names; // familiar, "ci-dind:1"
  std::string reference;          // of the target
};

// The OCI manifest (image spec, manifest.md). Pure.
std::string
print_image_manifest(const StoredBlob& config, const std::vector<OuterLayer>& layers,
                     const std::vector<std::pair<std::string, std::string>>& annotations);

// index.json: that of a layout before, or "", with the image added under each of its names. Pure.
Result<std::string> add_to_index(std::string_view before, const FinishedImage& image);

// Moves the blobs of `draft` into the layout and makes them visible.
Result<void> store_oci_layout(const Fd& layout, const Fd& draft, const FinishedImage& image);

// The same as a tar, made while it is read: an OCI layout; `docker_too` adds what `docker load`
// reads. `draft` must outlive it.
Result<std::unique_ptr<archive::ByteSource>>
stream_archive(const Fd& draft, const FinishedImage& image, bool docker_too);

} // namespace dind::bake
