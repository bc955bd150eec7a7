#include <containerd/implied_dirs.hpp>

#include <sys/file.hpp>
#include <sys/xattr.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

namespace dind::containerd {
namespace {

constexpr mode_t kModeBits = 07777;

// The path leads nowhere in this layer.
bool is_absent(const Error& error) {
  constexpr std::array kAbsent = {ENOENT, ENOTDIR, ELOOP};
  return std::find(kAbsent.begin(), kAbsent.end(), error.code()) != kAbsent.end();
}

} // namespace

bool DirMetadata::operator==(const DirMetadata& other) const {
  const auto is_same_time = [](timespec one, timespec two) {
    return one.tv_sec == two.tv_sec && one.tv_nsec == two.tv_nsec;
  };
  const bool is_same_modified = modified && other.modified
                                    ? is_same_time(*modified, *other.modified)
                                    : modified.has_value() == other.modified.has_value();
  return mode == other.mode && uid == other.uid && gid == other.gid && xattrs == other.xattrs &&
         is_same_modified;
}

Result<DirMetadata> metadata_of(const Fd& dir) {
  const struct stat status = TRY(sys::stat_of(dir));
  DirMetadata metadata{
      .mode = status.st_mode & kModeBits, .uid = status.st_uid, .gid = status.st_gid};
  metadata.modified = status.st_mtim;
  const auto names = TRY(sys::list_xattrs(dir));
  for (const std::string& name : names) {
    if (!name.starts_with("trusted.")) {
      const auto value = TRY(sys::get_xattr(dir, name));
      metadata.xattrs[name] = value.value_or("");
    }
  }
  return metadata;
}

Result<void> set_metadata(const Fd& dir, const DirMetadata& metadata) {
  const std::string here = ".";
  TRY(sys::set_owner_at({dir, here}, metadata.uid, metadata.gid));
  TRY(sys::set_mode_at({dir, here}, metadata.mode));
  for (const auto& [name, value] : metadata.xattrs) {
    TRY(sys::set_xattr(dir, name, value));
  }
  return metadata.modified ? sys::set_times_at({dir, here}, *metadata.modified, *metadata.modified)
                           : Result<void>();
}

Result<DirMetadata> implied_metadata(const std::vector<Fd>& lowers, const std::string& path) {
  for (const Fd& lower : lowers) {
    const auto found = sys::open_beneath(lower, path, O_PATH | O_NOFOLLOW);
    if (!found && is_absent(found.error())) {
      continue;
    }
    if (!found) {
      return found.error();
    }
    const struct stat status = TRY(sys::stat_of(*found));
    if (!S_ISDIR(status.st_mode)) {
      break;
    }
    const Fd dir = TRY(sys::open_beneath(lower, path, O_RDONLY | O_DIRECTORY));
    return metadata_of(dir);
  }
  return DirMetadata{};
}

} // namespace dind::containerd
