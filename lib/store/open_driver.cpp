#include <store/open_driver.hpp>

#include <store/layout.hpp>
#include <store/overlay_driver.hpp>
#include <store/tree.hpp>
#include <store/tree_driver.hpp>
#include <sys/dir.hpp>

#include <tuple>

namespace dind::store {

Result<Fd> open_staging(const Fd& data_root) {
  Fd staging = TRY(ensure_dirs(data_root, kStagingDir, 0700));
  const auto leftovers = TRY(sys::list_dir(staging));
  for (const sys::DirEntry& leftover : leftovers) {
    std::ignore = sys::remove_tree_at({staging, leftover.name});
  }
  return staging;
}

Result<std::unique_ptr<StorageDriver>> open_driver(const Fd& data_root, std::string_view name,
                                                   const Users& users) {
  if (name == kOverlay2) {
    const MarkStyle style =
        users.in_namespace ? MarkStyle::overlayfs_of_users : MarkStyle::overlayfs;
    Fd staging = TRY(open_staging(data_root));
    return OverlayDriver::open(data_root, kOverlay2, style, std::move(staging), users.shift);
  }
  if (users.shift || users.in_namespace) {
    return Error(fmt::format("give layers of the storage driver {} other users", name), EOPNOTSUPP);
  }
  if (name == kFuseOverlayfs) {
    Fd staging = TRY(open_staging(data_root));
    return OverlayDriver::open(data_root, kFuseOverlayfs, MarkStyle::aufs, std::move(staging), {});
  }
  if (name == kVfs) {
    return TreeDriver::open(data_root, kVfs, TreeKind::directory);
  }
  if (name == kBtrfs) {
    return TreeDriver::open(data_root, kBtrfs, TreeKind::subvolume);
  }
  return Error(fmt::format("make layers of the storage driver {}", name), EOPNOTSUPP);
}

} // namespace dind::store
