#pragma once

#include <archive/tar_entry.hpp>
#include <base/result.hpp>
#include <cache/skeleton.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace dind::cache {

// A file, directory or symlink as the headers of a layer's tar describe it.
struct ExpectedInode {
  std::uint32_t mode = 0; // with the file type's bits
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0; // of a regular file
  std::int64_t mtime = 0; // seconds
  std::string target;     // of a symlink
  std::optional<std::string> capability;
};

struct ExpectedPath {
  std::string path;
  std::size_t inode = 0; // hard links share one
};

// What unpacking a layer must give, worked out from its headers alone: the same
// rules as archive::LayerRules', and nothing of its code. Headers that no bake
// accepts need not be refused here.
class ExpectedTree {
public:
  ExpectedTree();

  Result<void> add(const archive::TarEntry& entry);

  // In the order of the tar; the root comes first.
  const std::vector<ExpectedPath>& paths() const { return paths_; }
  const ExpectedInode& inode(std::size_t at) const { return inodes_[at]; }
  bool has(const std::string& path) const { return index_.contains(path); }
  // Members of the tar so far.
  std::uint64_t entries() const { return entries_; }
  // Of non-directories, each inode once.
  std::uint64_t bytes() const;
  bool only_directories() const;
  // Call it once, at the end.
  Skeleton take_skeleton();

private:
  // Of a member or a hard link's target, without symlinks among its parents.
  Result<std::string> path_of(const std::string& name) const;
  void require_parents(const std::string& path, const archive::TarEntry& cause);
  void add_mark(const std::string& parent, std::string_view name);
  Result<void> add_link(const std::string& path, const archive::TarEntry& entry);
  void add_node(const std::string& path, const archive::TarEntry& entry);
  void add_inode(const std::string& path, const archive::TarEntry& entry);
  void note_xattrs(const std::string& path, const archive::TarEntry& entry);

  std::vector<ExpectedPath> paths_;
  std::vector<ExpectedInode> inodes_;
  std::unordered_map<std::string, std::size_t> index_; // of paths_
  std::unordered_map<std::string, std::size_t> nodes_; // the first link, in skeleton_.nodes
  std::unordered_map<std::string, bool> deleted_;      // whether for good
  std::unordered_map<std::string, bool> implied_;      // whether for good
  Skeleton skeleton_;
  std::uint64_t entries_ = 0;
};

} // namespace dind::cache
