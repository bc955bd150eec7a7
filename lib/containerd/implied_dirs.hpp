#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <sys/types.h>
#include <time.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dind::containerd {

// What containerd copies from the layers below to a directory that a layer's tar has no entry for
// (containerd pkg/archive/tar.go, mkparent, and tar_unix.go, copyUpXAttrs: no trusted attributes).
// What is unpacked into the directory gives it a new time.
struct DirMetadata {
  mode_t mode = 0755; // without the file type's bits
  uid_t uid = 0;
  gid_t gid = 0;
  std::map<std::string, std::string> xattrs = {};
  std::optional<timespec> modified = {}; // none: it does not matter

  bool operator==(const DirMetadata& other) const;
};

Result<DirMetadata> metadata_of(const Fd& dir);
Result<void> set_metadata(const Fd& dir, const DirMetadata& metadata);

// That of the directory `path` in the first of `lowers`, the topmost first, that has the path; as
// containerd makes a new directory where none has it, or where the first one has something else
// there.
Result<DirMetadata> implied_metadata(const std::vector<Fd>& lowers, const std::string& path);

} // namespace dind::containerd
