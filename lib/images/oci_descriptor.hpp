#pragma once

#include <base/digest.hpp>
#include <base/json.hpp>
#include <base/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dind::images {

// An OCI content descriptor (OCI image spec, descriptor.md), with the
// annotations that name images.
struct Descriptor {
  std::string media_type;
  Digest digest;
  std::uint64_t size = 0;
  std::string platform;   // "linux/arm64/v8"; empty if it says none
  std::string ref_name;   // org.opencontainers.image.ref.name: "3.20", or a whole reference
  std::string image_name; // of containerd or crane: "docker.io/library/alpine:3.20"
  bool attestation = false;
  bool artifact = false;  // says that it is no image, but something about one, or a chart
  bool elsewhere = false; // has "urls": its bytes need not be here
};

// Of a descriptor or a document; "" if it says none, or one that cannot stand in cache.json.
Result<std::string> media_type_of(const json::Fields& fields);

Result<Descriptor> parse_descriptor(const json::value& document);
Result<std::vector<Descriptor>> parse_descriptors(const json::array& list);

bool is_index(const Descriptor& descriptor);
bool is_manifest(const Descriptor& descriptor);

// Whether a manifest's configuration, or one of its layers, may be an image's.
bool is_image_config(const Descriptor& config);
bool is_image_layer(const Descriptor& layer);

// Whether an image layer of this media type can be unpacked; the error says why not.
Result<void> check_layer_type(const Descriptor& layer);

// Of several manifests that stand for one image, those for this machine: the best
// match of operating system, architecture and variant, else the only one there
// is. Attestations are no images, and one that is listed again is not another.
Result<Descriptor> choose_platform(const std::vector<Descriptor>& among, std::string_view host);

// For messages: "linux/amd64, linux/arm64".
std::string platforms_of(const std::vector<Descriptor>& descriptors);

// How well "linux/arm64/v8" runs on machines of "linux/arm64": 0 is not at all.
int match_platform(std::string_view platform, std::string_view host);

} // namespace dind::images
