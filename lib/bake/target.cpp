#include <bake/target.hpp>

#include <base/digest.hpp>

#include <algorithm>
#include <array>
#include <iterator>

namespace dind::bake {
namespace {

namespace fs = boost::filesystem;

constexpr std::array kDataRoots = {"/var/lib/docker", "/var/lib/containerd"};

// Docker keeps an anonymous volume in <data root>/volumes/<64 hex digits>/_data.
bool is_nameless_volume(const fs::path& root) {
  return root.filename() == "_data" && Digest::from_hex(root.parent_path().filename().native()) &&
         root.parent_path().parent_path().filename() == "volumes";
}

} // namespace

bool is_at_or_below(const fs::path& path, const fs::path& dir) {
  const auto differ = std::mismatch(dir.begin(), dir.end(), path.begin(), path.end());
  return differ.first == dir.end();
}

Result<void> check_target(const fs::path& target, const std::vector<sys::MountEntry>& mounts) {
  for (const char* const data_root : kDataRoots) {
    if (is_at_or_below(target, data_root)) {
      return input_error("{} is in {}, a VOLUME of dind images: what is baked there is not kept; "
                         "choose another place, such as /var/lib/dind-cache",
                         target.native(), data_root);
    }
  }
  const sys::MountEntry* nearest = nullptr;
  for (const sys::MountEntry& mount : mounts) {
    // Of two mounts on one place the later one is on top.
    if (is_at_or_below(target, mount.mount_point) &&
        (!nearest || is_at_or_below(mount.mount_point, nearest->mount_point))) {
      nearest = &mount;
    }
  }
  if (nearest && is_nameless_volume(nearest->root)) {
    return input_error("{} is in {}, a VOLUME of this image: what is baked there is not kept; "
                       "choose another place, such as /var/lib/dind-cache",
                       target.native(), nearest->mount_point.native());
  }
  return {};
}

} // namespace dind::bake
