#include <containerd/made_manifest.hpp>

#include <base/json.hpp>

#include <utility>

namespace dind::containerd {
namespace {

constexpr const char* kConfigType = "application/vnd.docker.container.image.v1+json";
constexpr const char* kLayerType = "application/vnd.docker.image.rootfs.diff.tar";

// Go writes the members in this order.
json::object descriptor(const char* type, const Digest& digest, std::uint64_t size) {
  json::object members;
  members["mediaType"] = type;
  members["digest"] = digest.text();
  members["size"] = size;
  return members;
}

} // namespace

std::string made_manifest(const cache::Image& image, const cache::Manifest& layers) {
  json::array blobs;
  for (const Digest& diff_id : image.layers) {
    blobs.push_back(descriptor(kLayerType, diff_id, layers.find(diff_id)->tar_bytes));
  }
  json::object manifest;
  manifest["schemaVersion"] = 2;
  manifest["mediaType"] = kManifestType;
  manifest["config"] = descriptor(kConfigType, image.id, image.config_bytes);
  manifest["layers"] = std::move(blobs);
  return json::print(manifest, json::Style::compact);
}

} // namespace dind::containerd
