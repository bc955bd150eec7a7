#pragma once

#include <base/result.hpp>
#include <sys/mount.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dind::host {

// What people should know of a data root on such a filesystem (sys::filesystem_name): a
// sentence, or nothing. Nothing is decided by it.
std::string filesystem_note(std::string_view filesystem);

// Whether kernels mount overlays whose upper layers are on such a filesystem. Others are probed.
bool can_hold_overlays(std::string_view filesystem);

// Why no overlay can be mounted in a data root of this path, if so: engines put it into the
// kernel's options as it is.
std::optional<std::string> path_obstacle(std::string_view data_root);

// Whether the kernel starts no program from files of the mount that `dir` is on.
bool is_noexec(const Fd& dir);

// Whether /proc/self/uid_map is that of a user namespace: anything but all of the numbers
// onto themselves.
bool is_of_user_namespace(std::string_view uid_map);
bool is_in_user_namespace();

// Whether `path` (canonical) is, by the mount table, a directory of the filesystem
// mounted on "/", in its place there. One bound on itself still is.
bool lies_on_root(const sys::fs::path& path, const std::vector<sys::MountEntry>& mounts);
Result<bool> is_on_own_root(const Fd& dir);

} // namespace dind::host
