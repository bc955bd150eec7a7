#include <sys/btrfs.hpp>

#include <linux/btrfs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <span>

namespace dind::sys {
namespace {

// Into the fixed field of an ioctl, which must hold the closing zero as well.
Result<void> put_name(const std::string& name, std::span<char> field) {
  if (name.size() >= field.size()) {
    return Error("name subvolume " + name, ENAMETOOLONG);
  }
  std::copy(name.begin(), name.end(), field.begin());
  return {};
}

} // namespace

Result<void> create_subvolume(At at) {
  btrfs_ioctl_vol_args_v2 args{};
  TRY(put_name(at.name, args.name));
  if (::ioctl(at.dir.get(), BTRFS_IOC_SUBVOL_CREATE_V2, &args) == -1) {
    return errno_error("make subvolume {}", at.name);
  }
  return {};
}

Result<void> snapshot_subvolume(const Fd& source, At at) {
  btrfs_ioctl_vol_args_v2 args{};
  args.fd = source.get();
  TRY(put_name(at.name, args.name));
  if (::ioctl(at.dir.get(), BTRFS_IOC_SNAP_CREATE_V2, &args) == -1) {
    return errno_error("make snapshot {}", at.name);
  }
  return {};
}

Result<void> delete_subvolume(At at) {
  btrfs_ioctl_vol_args args{};
  TRY(put_name(at.name, args.name));
  if (::ioctl(at.dir.get(), BTRFS_IOC_SNAP_DESTROY, &args) == -1) {
    return errno_error("delete subvolume {}", at.name);
  }
  return {};
}

} // namespace dind::sys
