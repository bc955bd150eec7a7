#include <clone/metadata.hpp>

#include <sys/xattr.hpp>

#include <unistd.h>

#include <array>

namespace dind::clone {
namespace {

constexpr mode_t kPermissionBits = 07777;

bool travels(std::string_view name) {
  if (name.starts_with("trusted.")) {
    return !name.starts_with("trusted.overlay.");
  }
  return name.starts_with("user.") || name == sys::kCapabilityXattr ||
         name.starts_with("system.posix_acl_");
}

// An attribute that was listed may be gone: another process removed it, or may alone read it.
template <typename Get, typename Set>
Result<void> copy_xattrs(const std::vector<std::string>& names, Get get, Set set) {
  for (const std::string& name : names) {
    if (!travels(name)) {
      continue;
    }
    const auto value = TRY(get(name));
    if (!value) {
      continue;
    }
    auto done = set(name, *value);
    if (!done && !done.error().is(std::errc::operation_not_supported)) {
      return done;
    }
  }
  return {};
}

} // namespace

// A directory of ours without a foreign group makes files of ours, whether it hands its
// group on (setgid, mount option grpid) or not.
Birth Birth::in(const struct stat& dir) {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  return {dir.st_uid == uid && dir.st_gid == gid, uid, gid};
}

Result<void> copy_metadata(const Fd& from, const Fd& to, const struct stat& status, Birth birth) {
  if (!birth.is(status) && ::fchown(to.get(), status.st_uid, status.st_gid) == -1) {
    return errno_error("set owner");
  }
  const auto names = TRY(sys::list_xattrs(from));
  TRY(copy_xattrs(
      names, [&](const std::string& name) { return sys::get_xattr(from, name); },
      [&](const std::string& name, std::string_view value) {
        return sys::set_xattr(to, name, value);
      }));
  // Most files were made with their mode, if neither umask nor a directory's default ACL took
  // some of it. Asking is cheap; setting is a transaction of the filesystem.
  const struct stat made = TRY(sys::stat_of(to));
  if (((made.st_mode ^ status.st_mode) & kPermissionBits) != 0 &&
      ::fchmod(to.get(), status.st_mode & kPermissionBits) == -1) {
    return errno_error("set mode");
  }
  const std::array<timespec, 2> times = {status.st_atim, status.st_mtim};
  if (::futimens(to.get(), times.data()) == -1) {
    return errno_error("set times");
  }
  return {};
}

Result<void> copy_metadata_at(sys::At from, sys::At to, const struct stat& status, Birth birth) {
  if (!birth.is(status)) {
    TRY(sys::set_owner_at(to, status.st_uid, status.st_gid));
  }
  const auto names = TRY(sys::list_xattrs_at(from));
  TRY(copy_xattrs(
      names, [&](const std::string& name) { return sys::get_xattr_at(from, name); },
      [&](const std::string& name, std::string_view value) {
        return sys::set_xattr_at(to, name, value);
      }));
  if (!S_ISLNK(status.st_mode)) {
    TRY(sys::set_mode_at(to, status.st_mode & kPermissionBits));
  }
  return sys::set_times_at(to, status.st_atim, status.st_mtim);
}

Result<void> clear_xattrs(const Fd& fd) {
  const auto names = TRY(sys::list_xattrs(fd));
  for (const std::string& name : names) {
    if (travels(name)) {
      TRY(sys::remove_xattr(fd, name));
    }
  }
  return {};
}

} // namespace dind::clone
