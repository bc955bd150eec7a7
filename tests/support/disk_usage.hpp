#pragma once

#include <boost/filesystem/path.hpp>

#include <cstdint>

namespace dind::test {

// What a tree takes: allocated bytes and inodes, each inode once, as du counts.
struct DiskUsage {
  std::uint64_t bytes = 0;
  std::uint64_t inodes = 0;
};
DiskUsage disk_usage(const boost::filesystem::path& path);

} // namespace dind::test
