#pragma once

#include <archive/byte_source.hpp>
#include <base/result.hpp>
#include <outer/blob_writer.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dind::outer {

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

// Keeps others from changing the layout while the result is open.
Result<Fd> lock_layout(const Fd& layout);

// Whether an image could be added to the index that a layout has, if it has one.
Result<void> check_layout_index(const Fd& layout);

// Moves the blobs of `draft` into the layout and makes them visible. Others may do the same with
// other images at the same time.
Result<void> store_oci_layout(const Fd& layout, const Fd& draft, const FinishedImage& image);

// An archive that is made while it is read.
struct ArchiveStream {
  std::unique_ptr<archive::ByteSource> source;
  std::uint64_t bytes = 0; // of the whole
};

// The same as a tar: an OCI layout, to which `docker` adds what `docker load` reads. `draft` must
// outlive it.
enum class ArchiveFormat { oci, docker };
Result<ArchiveStream> stream_archive(const Fd& draft, const FinishedImage& image,
                                     ArchiveFormat format);

} // namespace dind::outer
