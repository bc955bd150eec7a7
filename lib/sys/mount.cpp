#include <sys/mount.hpp>

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sstream>
#include <utility>

namespace dind::sys {
namespace {

constexpr std::size_t kMountinfoLimit = 64U << 20U;
constexpr unsigned long kXfsMagic = 0x58465342; // not in linux/magic.h
constexpr unsigned long kZfsMagic = 0x2fc12fc1;

// mountinfo writes space, tab, newline and backslash as \ooo.
std::string unescape(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>(std::strtol(text.substr(i + 1, 3).c_str(), nullptr, 8));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// The per-mount flags of the mount that holds `path`. A remount sets them all
// anew, and in a user namespace it is refused if it would clear one.
Result<unsigned long> mount_flags(const fs::path& path) {
  struct statvfs found {};
  if (::statvfs(path.c_str(), &found) == -1) {
    return errno_error("stat filesystem of {}", path.native());
  }
  constexpr std::array<std::pair<unsigned long, unsigned long>, 6> kFlags = {{
      {ST_NOSUID, MS_NOSUID},
      {ST_NODEV, MS_NODEV},
      {ST_NOEXEC, MS_NOEXEC},
      {ST_NOATIME, MS_NOATIME},
      {ST_NODIRATIME, MS_NODIRATIME},
      {ST_RELATIME, MS_RELATIME},
  }};
  unsigned long flags = 0;
  for (const auto& [reported, settable] : kFlags) {
    flags |= (found.f_flag & reported) != 0 ? settable : 0;
  }
  return flags;
}

} // namespace

Result<void> mount(const std::string& source, const fs::path& target, const std::string& type,
                   unsigned long flags, const std::string& data) {
  if (::mount(source.c_str(), target.c_str(), type.c_str(), flags, data.c_str()) == -1) {
    return errno_error("mount {} on {}", type, target.native());
  }
  return {};
}

Result<void> unmount(const fs::path& target) {
  if (::umount2(target.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == -1) {
    return errno_error("unmount {}", target.native());
  }
  return {};
}

Result<void> unmount_written_back(const fs::path& target) {
  if (::umount2(target.c_str(), UMOUNT_NOFOLLOW) == -1) {
    return errno_error("unmount {}", target.native());
  }
  return {};
}

Result<void> bind_mount(const fs::path& source, const fs::path& target) {
  if (::mount(source.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) == -1) {
    return errno_error("bind-mount {} on {}", source.native(), target.native());
  }
  return {};
}

Result<void> bind_read_only(const fs::path& dir) {
  const unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY | TRY(mount_flags(dir));
  if (::mount(dir.c_str(), dir.c_str(), nullptr, MS_BIND | MS_REC, nullptr) == -1) {
    return errno_error("bind-mount {} on itself", dir.native());
  }
  // The first call ignores MS_RDONLY: a bind takes its flags only when remounted.
  if (::mount(nullptr, dir.c_str(), nullptr, flags, nullptr) == -1) {
    auto failure = errno_error("make {} read-only", dir.native());
    std::ignore = unmount(dir);
    return failure;
  }
  return {};
}

Result<void> make_private(const fs::path& target) {
  if (::mount(nullptr, target.c_str(), nullptr, MS_PRIVATE, nullptr) == -1) {
    return errno_error("make {} a private mount", target.native());
  }
  return {};
}

Result<void> make_shared_recursively(const fs::path& target) {
  if (::mount(nullptr, target.c_str(), nullptr, MS_SHARED | MS_REC, nullptr) == -1) {
    return errno_error("make {} a shared mount", target.native());
  }
  return {};
}

Result<std::vector<MountEntry>> parse_mountinfo(std::string_view text) {
  std::vector<MountEntry> entries;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string skipped; // the mount's ID, its parent's and the device
    std::string root;
    std::string mount_point;
    std::string options;
    words >> skipped >> skipped >> skipped >> root >> mount_point >> options;
    while (words >> skipped && skipped != "-") {
      // optional fields, such as shared:1
    }
    std::string type;
    std::string source;
    if (!(words >> type)) {
      return input_error("mountinfo line \"{}\" has too few fields", line);
    }
    words >> source; // may be empty
    entries.push_back({unescape(root), unescape(mount_point), options, type, unescape(source)});
  }
  return entries;
}

Result<std::vector<MountEntry>> read_mountinfo() {
  const std::string text = TRY(read_file("/proc/self/mountinfo", kMountinfoLimit));
  return parse_mountinfo(text);
}

Result<bool> is_mount_point(const fs::path& path) {
  const auto entries = TRY(read_mountinfo());
  return std::any_of(entries.begin(), entries.end(),
                     [&](const MountEntry& entry) { return entry.mount_point == path; });
}

std::string filesystem_name(unsigned long magic) {
  constexpr std::array<std::pair<unsigned long, const char*>, 15> kNames = {{
      {EXT4_SUPER_MAGIC, "ext4"},
      {kXfsMagic, "xfs"},
      {BTRFS_SUPER_MAGIC, "btrfs"},
      {OVERLAYFS_SUPER_MAGIC, "overlay"},
      {TMPFS_MAGIC, "tmpfs"},
      {RAMFS_MAGIC, "ramfs"},
      {NFS_SUPER_MAGIC, "nfs"},
      {FUSE_SUPER_MAGIC, "fuse"},
      {V9FS_MAGIC, "9p"},
      {F2FS_SUPER_MAGIC, "f2fs"},
      {EROFS_SUPER_MAGIC_V1, "erofs"},
      {SQUASHFS_MAGIC, "squashfs"},
      {CEPH_SUPER_MAGIC, "ceph"},
      {ECRYPTFS_SUPER_MAGIC, "ecryptfs"},
      {kZfsMagic, "zfs"},
  }};
  const auto* found = std::find_if(kNames.begin(), kNames.end(),
                                   [&](const auto& name) { return name.first == magic; });
  return found != kNames.end() ? found->second : fmt::format("{:#x}", magic);
}

Result<std::string> filesystem_of(const Fd& fd) {
  struct statfs found {};
  if (::fstatfs(fd.get(), &found) == -1) {
    return errno_error("stat filesystem");
  }
  return filesystem_name(static_cast<unsigned long>(found.f_type));
}

} // namespace dind::sys
