#include <support/disk_usage.hpp>

#include <support/temp_dir.hpp>
#include <sys/dir.hpp>

#include <sys/stat.h>

#include <set>

namespace dind::test {
namespace {

constexpr std::uint64_t kStatBlock = 512;

void add(const boost::filesystem::path& path, std::set<ino_t>& seen, DiskUsage& usage) {
  const struct stat found = stat_of(path);
  if (!seen.insert(found.st_ino).second) {
    return;
  }
  ++usage.inodes;
  usage.bytes += static_cast<std::uint64_t>(found.st_blocks) * kStatBlock;
  if (S_ISDIR(found.st_mode)) {
    const Fd dir = sys::open_dir(path).value();
    const auto entries = sys::list_dir(dir).value();
    for (const sys::DirEntry& entry : entries) {
      add(path / entry.name, seen, usage);
    }
  }
}

} // namespace

DiskUsage disk_usage(const boost::filesystem::path& path) {
  DiskUsage usage;
  std::set<ino_t> seen;
  add(path, seen, usage);
  return usage;
}

} // namespace dind::test
