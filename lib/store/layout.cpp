#include <store/layout.hpp>

#include <archive/sha256.hpp>

#include <string_view>

namespace dind::store {
namespace {

constexpr std::size_t kCacheIdDigits = 32;
constexpr std::size_t kLinkIdLength = 26;
constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

std::string base32_id(const std::string& seed) {
  const std::string hex = archive::sha256_of(seed).hex();
  std::string id;
  for (std::size_t i = 0; i < kLinkIdLength; ++i) {
    const auto byte = std::stoul(hex.substr(i * 2, 2), nullptr, 16);
    id += kBase32[byte % kBase32.size()];
  }
  return id;
}

} // namespace

std::string image_dir(const std::string& driver) {
  return "image/" + driver;
}

std::string layerdb_dir(const std::string& driver) {
  return image_dir(driver) + "/layerdb/sha256";
}

std::string layerdb_mounts_dir(const std::string& driver) {
  return image_dir(driver) + "/layerdb/mounts";
}

std::string image_config_dir(const std::string& driver) {
  return image_dir(driver) + "/imagedb/content/sha256";
}

std::string image_metadata_dir(const std::string& driver) {
  return image_dir(driver) + "/imagedb/metadata/sha256";
}

std::string diff_id_by_digest_dir(const std::string& driver) {
  return image_dir(driver) + "/distribution/diffid-by-digest/sha256";
}

std::string metadata_by_diff_id_dir(const std::string& driver) {
  return image_dir(driver) + "/distribution/v2metadata-by-diffid/sha256";
}

std::string layers_dir(const std::string& driver) {
  if (driver == kOverlayfs) {
    return "containerd/daemon/io.containerd.snapshotter.v1.overlayfs/snapshots";
  }
  if (driver == kVfs) {
    return driver + "/dir";
  }
  return driver == kBtrfs ? driver + "/subvolumes" : driver;
}

std::string files_name(const std::string& driver) {
  return driver == kOverlayfs ? "fs" : "diff";
}

std::string cache_id_of(const Digest& chain_id) {
  return archive::sha256_of("cache-id " + chain_id.text()).hex().substr(0, kCacheIdDigits);
}

std::string link_id_of(const Digest& chain_id) {
  return base32_id("link " + chain_id.text());
}

std::string skeleton_link_id_of(const Digest& chain_id) {
  return base32_id("skeleton " + chain_id.text());
}

std::string lower_of_child(const std::string& parent_link, const std::string& parent_lower) {
  return "l/" + parent_link + (parent_lower.empty() ? "" : ":" + parent_lower);
}

} // namespace dind::store
