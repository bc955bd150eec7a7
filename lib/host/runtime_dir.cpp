#include <host/runtime_dir.hpp>

#include <base/log.hpp>
#include <sys/mount.hpp>

#include <sys/mount.h>
#include <unistd.h>

namespace dind::host {
namespace {

constexpr mode_t kShared = 0755;
constexpr mode_t kPrivate = 0700;
constexpr mode_t kWritableByOthers = 022;
constexpr const char* kMountSource = "dind-init"; // how our tmpfs is named in mountinfo

// Opens `path`, making it if it is missing. A symlink, or a directory that
// another user owns or can write to, may be a trap: EPERM.
Result<Fd> claim_dir(const fs::path& path, mode_t mode) {
  TRY(sys::make_dirs(path.parent_path(), kShared));
  const Fd parent = TRY(sys::open_dir(path.parent_path()));
  const std::string name = path.filename().native();
  TRY(sys::ensure_dir_at({parent, name}, mode));
  Fd dir = TRY(sys::open_dir_at({parent, name}));
  const struct stat found = TRY(sys::stat_of(dir));
  if (found.st_uid != ::geteuid() || (found.st_mode & kWritableByOthers) != 0) {
    return Error(fmt::format("use {}, which others can write to", path.native()), EPERM);
  }
  return dir;
}

Result<bool> is_our_tmpfs(const fs::path& path) {
  const auto mounts = TRY(sys::read_mountinfo());
  for (const sys::MountEntry& entry : mounts) {
    if (entry.mount_point == path && entry.source == kMountSource) {
      return true;
    }
  }
  return false;
}

Result<void> mount_tmpfs(const fs::path& path, const Fd& dir) {
  if (TRY(is_our_tmpfs(path))) {
    return {};
  }
  // By descriptor, so that the mount lands on what was looked at.
  const fs::path target = fmt::format("/proc/self/fd/{}", dir.get());
  return sys::mount(kMountSource, target, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                    "mode=0755,size=16m");
}

// A directory can be made on a read-only mount point only if something can be written there.
Result<void> check_writable(const fs::path& path) {
  if (::access(path.c_str(), W_OK) == -1) {
    return errno_error("write to {}", path.native());
  }
  return {};
}

Result<fs::path> make_preferred(const fs::path& path) {
  const Fd dir = TRY(claim_dir(path, kShared));
  if (const auto mounted = mount_tmpfs(path, dir); !mounted) {
    log::debug("{} is a plain directory: {}", path.native(), mounted.error().describe());
  }
  TRY(check_writable(path));
  return path;
}

} // namespace

fs::path fallback_runtime_dir(const fs::path& data_root) {
  return data_root / ".dind-init" / "run";
}

Result<fs::path> make_plain_runtime_dir(const fs::path& path) {
  TRY(claim_dir(path, kPrivate));
  return path;
}

Result<fs::path> make_runtime_dir(const fs::path& data_root, const fs::path& preferred) {
  auto made = make_preferred(preferred);
  if (made) {
    return made;
  }
  const fs::path fallback = fallback_runtime_dir(data_root);
  log::info("using {}: {}", fallback.native(), made.error().describe());
  TRY(claim_dir(fallback, kPrivate));
  return fallback;
}

} // namespace dind::host
