#include <archive/disk_tree.hpp>

#include <archive/member_path.hpp>

#include <sys/stat.h>

#include <array>

namespace dind::archive {

Result<void> DiskTree::directory(const Spot& spot, const TarEntry& entry, Exists exists) {
  return maker_.directory(TRY(place_of(spot.path)), entry, exists);
}

Result<void> DiskTree::implied_directory(const Spot& spot) {
  return MemberMaker::implied_directory(TRY(place_of(spot.path)));
}

Result<void> DiskTree::file(const Spot& spot, const TarEntry& entry, TarReader& reader) {
  return maker_.file(TRY(place_of(spot.path)), entry, reader);
}

Result<void> DiskTree::symlink(const Spot& spot, const TarEntry& entry) {
  return maker_.symlink(TRY(place_of(spot.path)), entry);
}

Result<void> DiskTree::hard_link(const Spot& spot, const TarEntry& entry, const std::string& target,
                                 Target kind) {
  const Place place = TRY(place_of(spot.path));
  return maker_.hard_link(place, entry, TRY(place_of(target)), kind);
}

Result<void> DiskTree::set_time(const std::string& path, timespec time) {
  if (!path.empty()) {
    return MemberMaker::set_time(TRY(place_of(path)), time);
  }
  const std::array<timespec, 2> times = {time, time};
  if (::futimens(root_.get(), times.data()) == -1) {
    return errno_error("set times of the layer's root");
  }
  return {};
}

Result<Place> DiskTree::place_of(const std::string& path) {
  auto parent = TRY(dirs_.open(parent_of(path))); // in the braces, g++ 12 leaks members before it
  return Place{path, std::move(parent), std::string(base_of(path))};
}

} // namespace dind::archive
