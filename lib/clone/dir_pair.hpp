#pragma once

#include <base/fd.hpp>
#include <sys/file.hpp>

#include <atomic>
#include <memory>
#include <string>

namespace dind::clone {

// A directory's place below the roots, which is the same in both trees.
struct TreeDir {
  std::shared_ptr<TreeDir> parent; // null: the root
  std::string name;

  TreeDir(std::shared_ptr<TreeDir> above, std::string own);
  ~TreeDir();
  TreeDir(const TreeDir&) = delete;
  TreeDir& operator=(const TreeDir&) = delete;

  std::string path() const; // "" for the root
  std::string path_of(const std::string& child) const;
};

// Opens for reading without a new access time, where we may: reading must not write.
Result<Fd> open_source_at(sys::At at, int flags);

// Opens a directory by its place. No symlink is followed, and no length is too long.
Result<Fd> open_place(const Fd& root, const TreeDir& dir);

// One directory in both trees, open. While children wait for it, it counts in `held`.
struct DirPair {
  Fd from;
  Fd to;
  std::atomic<unsigned>* held = nullptr;

  DirPair() = default;
  ~DirPair();
  DirPair(const DirPair&) = delete;
  DirPair& operator=(const DirPair&) = delete;
};

} // namespace dind::clone
