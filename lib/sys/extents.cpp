#include <sys/extents.hpp>

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <new>

namespace dind::sys {
namespace {

constexpr std::size_t kAtOnce = 32;

// The kernel's structure ends with an array that has no size.
constexpr std::size_t kBytes = sizeof(fiemap) + kAtOnce * sizeof(fiemap_extent);

} // namespace

Result<bool> is_written(const Fd& file, std::uint64_t size) {
  std::uint64_t end = 0;
  while (end < size) {
    alignas(fiemap) std::array<std::byte, kBytes> room{};
    auto* map = new (room.data()) fiemap();
    map->fm_start = end;
    map->fm_length = size - end;
    map->fm_extent_count = kAtOnce;
    if (::ioctl(file.get(), FS_IOC_FIEMAP, map) == -1) {
      return errno == ENOTTY ? Error("map extents", EOPNOTSUPP) : errno_error("map extents");
    }
    for (std::size_t i = 0; i < map->fm_mapped_extents; ++i) {
      const fiemap_extent& extent = map->fm_extents[i];
      if (extent.fe_logical > end || (extent.fe_flags & FIEMAP_EXTENT_UNWRITTEN) != 0) {
        return false;
      }
      end = extent.fe_logical + extent.fe_length;
    }
    if (map->fm_mapped_extents == 0) {
      return false;
    }
  }
  return true;
}

} // namespace dind::sys
