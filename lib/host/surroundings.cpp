#include <host/surroundings.hpp>

#include <host/scratch.hpp>
#include <sys/file.hpp>

#include <fmt/format.h>

#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <utility>

namespace dind::host {
namespace {

constexpr std::size_t kUidMapLimit = 64U << 10U;

bool is_below(const std::string& path, const std::string& dir) {
  return dir == "/" || path == dir || path.starts_with(dir + "/");
}

// Where `path` is inside the filesystem of the mount that it lies on.
std::string place_in(const sys::MountEntry& mount, const std::string& path) {
  const std::string& top = mount.mount_point.native();
  const std::string rest = top == "/" ? path : path.substr(top.size());
  return (mount.root == "/" ? "" : mount.root.native()) + rest;
}

} // namespace

std::string filesystem_note(std::string_view filesystem) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kNotes = {{
      {"nfs", "NFS cannot hold the upper layers of overlay2, and every file costs round trips to "
              "its server: a local volume is better"},
      {"fuse", "a FUSE filesystem can seldom hold the upper layers of overlay2, and every call "
               "costs two switches between processes"},
      {"9p", "9p cannot hold the upper layers of overlay2, and every call leaves the virtual "
             "machine: a disk of its own is better"},
      {"overlay", "this is a container's own root, not a volume: an overlay cannot hold the upper "
                  "layers of another, and all goes with the container"},
      {"tmpfs", "tmpfs keeps every layer in memory, counted against the container's limit, and "
                "loses all when it is unmounted"},
      {"ramfs", "ramfs keeps every layer in memory without any limit, and loses all when it is "
                "unmounted"},
      {"ceph", "CephFS cannot hold the upper layers of overlay2, and every file costs round trips "
               "to its servers: a block volume is better"},
  }};
  const auto* found = std::find_if(kNotes.begin(), kNotes.end(),
                                   [&](const auto& note) { return note.first == filesystem; });
  return found != kNotes.end() ? std::string(found->second) : "";
}

bool can_hold_overlays(std::string_view filesystem) {
  constexpr std::array<std::string_view, 4> kNames = {"ext4", "xfs", "btrfs", "tmpfs"};
  return std::find(kNames.begin(), kNames.end(), filesystem) != kNames.end();
}

std::optional<std::string> path_obstacle(std::string_view data_root) {
  const std::size_t at = data_root.find_first_of(",:\\");
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  return fmt::format("the data root's path has a '{}', which stands for something else in the "
                     "options of overlay mounts",
                     data_root[at]);
}

bool is_noexec(const Fd& dir) {
  struct statvfs found {};
  return ::fstatvfs(dir.get(), &found) == 0 && (found.f_flag & ST_NOEXEC) != 0;
}

bool is_of_user_namespace(std::string_view uid_map) {
  constexpr std::uint64_t kAll = 4294967295; // (uid_t)-1 is no user's
  std::istringstream words{std::string(uid_map)};
  std::uint64_t inside = 0;
  std::uint64_t outside = 0;
  std::uint64_t count = 0;
  words >> inside >> outside >> count;
  return !words || inside != 0 || outside != 0 || count != kAll;
}

bool is_in_user_namespace() {
  const auto map = sys::read_file("/proc/self/uid_map", kUidMapLimit);
  return map && is_of_user_namespace(*map); // no file: a kernel without such namespaces
}

bool lies_on_root(const sys::fs::path& path, const std::vector<sys::MountEntry>& mounts) {
  const sys::MountEntry* root = nullptr;
  const sys::MountEntry* nearest = nullptr;
  for (const sys::MountEntry& mount : mounts) {
    const std::string& top = mount.mount_point.native();
    if (top == "/") {
      root = &mount;
    }
    // Of mounts on one point the last is on top.
    if (is_below(path.native(), top) &&
        (!nearest || top.size() >= nearest->mount_point.native().size())) {
      nearest = &mount;
    }
  }
  return root && place_in(*nearest, path.native()) == place_in(*root, path.native());
}

Result<bool> is_on_own_root(const Fd& dir) {
  const Fd root = TRY(sys::open_dir("/"));
  const struct stat ours = TRY(sys::stat_of(root));
  const struct stat its = TRY(sys::stat_of(dir));
  if (ours.st_dev != its.st_dev) {
    return false;
  }
  const auto mounts = TRY(sys::read_mountinfo());
  const sys::fs::path path = TRY(real_path(dir));
  return lies_on_root(path, mounts);
}

} // namespace dind::host
