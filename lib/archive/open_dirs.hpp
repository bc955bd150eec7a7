#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <list>
#include <memory>
#include <string>
#include <string_view>

namespace dind::archive {

// Descriptors of the directories that were used last beneath one root: the members
// of a tar come directory by directory. Never follows a symlink.
class OpenDirs {
public:
  explicit OpenDirs(const Fd& root) : root_(root) {}

  // `path` is clean and relative; "" is the root. The descriptor stays open as
  // long as the pointer lives.
  Result<std::shared_ptr<const Fd>> open(std::string_view path);

private:
  struct Dir {
    std::string path;
    std::shared_ptr<const Fd> fd;
  };
  std::shared_ptr<const Fd> find(std::string_view path);

  const Fd& root_;
  std::list<Dir> recent_; // the latest first
};

} // namespace dind::archive
