#pragma once

#include <sys/file.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace dind::sys {

// mount(2) with the kernel's words: `data` is at most a page.
Result<void> mount(const std::string& source, const fs::path& target, const std::string& type,
                   unsigned long flags, const std::string& data);
Result<void> unmount(const fs::path& target); // detaches (MNT_DETACH)
// Returns when all is written back. EBUSY while it is in use.
Result<void> unmount_written_back(const fs::path& target);
Result<void> bind_mount(const fs::path& source, const fs::path& target);
// Binds `dir` on itself, read-only. Everything below stays reachable.
Result<void> bind_read_only(const fs::path& dir);
Result<void> make_shared_recursively(const fs::path& target);
Result<void> make_private(const fs::path& target); // that mount alone

// One line of /proc/self/mountinfo (proc(5)), unescaped.
struct MountEntry {
  fs::path root;        // inside the filesystem
  fs::path mount_point; // as this process sees it
  std::string options;  // per mount, such as "rw,relatime"
  std::string type;
  std::string source;
};
Result<std::vector<MountEntry>> parse_mountinfo(std::string_view text);
Result<std::vector<MountEntry>> read_mountinfo();
Result<bool> is_mount_point(const fs::path& path);

// The name of a filesystem for messages, from statfs' magic number: "ext4",
// "xfs", "overlay", "tmpfs", "nfs", "fuse", "btrfs", ... or "0x<magic>".
// Decisions never rest on it: those are probed.
std::string filesystem_name(unsigned long magic);
Result<std::string> filesystem_of(const Fd& fd);

} // namespace dind::sys
