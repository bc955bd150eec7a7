#pragma once

#include <base/result.hpp>
#include <cache/skeleton.hpp>
#include <store/parent_dirs.hpp>
#include <store/users.hpp>

#include <set>
#include <string>

namespace dind::store {

// Whether the marks of deletions are where a layer needs them, as the driver makes them: overlayfs'
// own for overlay2 and overlayfs, AUFS' names for fuse-overlayfs. The error says which is missing.
class MarkCheck {
public:
  MarkCheck(const std::string& driver, const Users& users);

  // `path` is that of a mark's member (".wh.…") in the layer's tar.
  Result<void> mark_of(ParentDirs& parents, const std::string& path) const;
  // All that a skeleton says, its nodes as well.
  Result<void> all_of(const Fd& dir, const cache::Skeleton& skeleton) const;
  // Nothing but what a skeleton says, and directories that lead there.
  Result<void> only(const Fd& dir, const cache::Skeleton& skeleton) const;

private:
  static Result<void> only_in(const Fd& dir, const std::string& path,
                              const std::set<std::string>& names,
                              const std::set<std::string>& dirs);
  Result<void> whiteout_at(ParentDirs& parents, const std::string& path) const;
  Result<void> opaque_in(ParentDirs& parents, const std::string& path) const;
  Result<bool> is_opaque(const Fd& dir) const;

  bool is_overlay_;
  bool in_namespace_;
};

} // namespace dind::store
