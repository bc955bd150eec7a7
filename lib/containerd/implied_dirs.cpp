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

Result<DirMetadata> metadata_of(const Fd& dir) {
  const struct stat status = TRY(sys::stat_of(dir));
  DirMetadata metadata{
      .mode = status.st_mode & kModeBits, .uid = status.st_uid, .gid = status.st_gid};
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
  return {};
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
