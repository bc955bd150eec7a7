#pragma once

#include <sys/file.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dind::sys {

inline constexpr std::string_view kCapabilityXattr = "security.capability";
// Nothing of the lower layers shows through such a directory; the second in a user namespace, for
// mounts with `userxattr` (fs/overlayfs/overlayfs.h, OVL_XATTR_OPAQUE).
inline constexpr const char* kOpaqueXattr = "trusted.overlay.opaque";
inline constexpr const char* kOpaqueXattrOfUsers = "user.overlay.opaque";

// Whether the kernel takes `value` for a file's capability (linux/capability.h, revisions 2 and 3).
bool is_capability(std::string_view value);
// What it gives back for one: revision 3 with root's own ID comes back as revision 2.
std::string capability_as_read(std::string value);

// Extended attributes of a name that may be a symlink, which is never followed.
// They go through /proc/self/fd, as no *at calls exist before Linux 6.13.
Result<void> set_xattr_at(At at, const std::string& name, std::string_view value);
// nullopt where there is none, or where the filesystem keeps none.
Result<std::optional<std::string>> get_xattr_at(At at, const std::string& name);
Result<std::vector<std::string>> list_xattrs_at(At at);
// Whether attributes named trusted.* show themselves: without CAP_SYS_ADMIN in the first user
// namespace they read as absent (fs/xattr.c, xattr_permission).
bool sees_trusted_xattrs(const Fd& file);

// The same of what is open, and without /proc.
Result<void> set_xattr(const Fd& fd, const std::string& name, std::string_view value);
Result<std::optional<std::string>> get_xattr(const Fd& fd, const std::string& name);
Result<std::vector<std::string>> list_xattrs(const Fd& fd);
Result<void> remove_xattr(const Fd& fd, const std::string& name);

} // namespace dind::sys
