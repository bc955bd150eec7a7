#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <sys/file.hpp>

#include <sys/stat.h>

#include <string>

namespace dind::store {

// Opens the directories of paths that come in tar order, in which neighbours share a
// directory. What is made or removed in one leaves its times as they were: those of the
// layer, set before. Follows no symlink.
class ParentDirs {
public:
  explicit ParentDirs(const Fd& root) : root_(root) {}

  // Both hold until the next call. "" is the root.
  Result<const Fd*> open(const std::string& dir);
  Result<sys::At> at(const std::string& path);
  // The last directory's times. Call it once, at the end.
  Result<void> finish();

private:
  const Fd& root_;
  std::string path_; // of `dir_`
  Fd dir_;
  struct stat found_ {};
  std::string name_;
};

} // namespace dind::store
