#pragma once

#include <sys/file.hpp>

#include <string>
#include <vector>

namespace dind::sys {

struct DirEntry {
  std::string name;
  unsigned char type = 0; // DT_* of dirent.h; DT_UNKNOWN where the filesystem does not say
};

// All names of a directory but "." and "..", sorted by bytes.
Result<std::vector<DirEntry>> list_dir(const Fd& dir);

// Removes a name and everything below it. A symlink is removed, not followed;
// a missing name is fine. Does not cross into other mounts: those are EBUSY. Takes a tree
// however deep with few descriptors.
Result<void> remove_tree_at(At at);

} // namespace dind::sys
