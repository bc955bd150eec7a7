#include <store/state.hpp>

#include <store/image_metadata.hpp>
#include <store/layout.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>

#include <algorithm>
#include <array>

namespace dind::store {
namespace {

constexpr std::array<const char*, 4> kDriversThatCount = {"btrfs", "fuse-overlayfs", "overlay2",
                                                          "zfs"};
// The database beside it exists under graph drivers, too: containerd runs their containers.
constexpr const char* kContainerdBlobs =
    "containerd/daemon/io.containerd.content.v1.content/blobs/sha256";
constexpr std::size_t kSmallFile = 64U << 10U;

bool is_absent(const Error& error) {
  return error.is(std::errc::no_such_file_or_directory);
}

// The entries of a directory of the data root; none if it does not exist.
Result<std::vector<sys::DirEntry>> entries_of(const Fd& root, const std::string& path) {
  const auto dir = sys::open_beneath(root, path, O_RDONLY | O_DIRECTORY);
  if (!dir && is_absent(dir.error())) {
    return std::vector<sys::DirEntry>();
  }
  if (!dir) {
    return dir.error();
  }
  return sys::list_dir(*dir).within(path);
}

// A small text file, or nothing if it is not there.
std::string text_of(const Fd& root, const std::string& path) {
  const auto fd = sys::open_beneath(root, path, O_RDONLY);
  if (!fd) {
    return "";
  }
  auto text = sys::read_all(*fd, kSmallFile);
  return text ? std::move(text).value() : "";
}

PresentLayer read_layer(const Fd& root, const Digest& chain_id) {
  PresentLayer layer;
  const std::string record = layerdb_dir(kOverlay2) + "/" + chain_id.hex();
  layer.cache_id = text_of(root, record + "/cache-id");
  if (layer.cache_id.empty() || layer.cache_id.find('/') != std::string::npos) {
    return layer;
  }
  const std::string dir = std::string(kOverlay2) + "/" + layer.cache_id;
  // `diff` may be a symlink into a cache, and is then followed on purpose.
  const auto parent = sys::open_beneath(root, dir, O_RDONLY | O_DIRECTORY);
  struct stat diff {};
  layer.reachable =
      parent && ::fstatat(parent->get(), "diff", &diff, 0) == 0 && S_ISDIR(diff.st_mode);
  const std::string lower = text_of(root, dir + "/lower");
  layer.lowers =
      lower.empty() ? 0 : static_cast<std::size_t>(std::count(lower.begin(), lower.end(), ':')) + 1;
  return layer;
}

} // namespace

Result<StoreState> read_state(const std::string& data_root) {
  StoreState state;
  const auto opened = sys::open_dir(data_root);
  if (!opened && is_absent(opened.error())) {
    return state;
  }
  if (!opened) {
    return opened.error();
  }
  const Fd& root = *opened;
  for (const char* driver : kDriversThatCount) {
    const auto entries = TRY(entries_of(root, driver));
    if (!entries.empty()) {
      state.prior_drivers.emplace_back(driver);
    }
  }
  const auto blobs = TRY(entries_of(root, kContainerdBlobs));
  state.has_containerd_images = !blobs.empty();

  const auto records = TRY(entries_of(root, layerdb_dir(kOverlay2)));
  for (const sys::DirEntry& record : records) {
    if (const auto chain_id = Digest::from_hex(record.name)) { // others are being removed
      state.layers.emplace(*chain_id, read_layer(root, *chain_id));
    }
  }
  const auto configs = TRY(entries_of(root, image_config_dir(kOverlay2)));
  for (const sys::DirEntry& config : configs) {
    if (const auto id = Digest::from_hex(config.name)) {
      state.images.insert(*id);
    }
  }
  state.references = TRY(read_references(root, kOverlay2));
  return state;
}

} // namespace dind::store
