#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <cstdint>
#include <vector>

namespace dind::sys {

// `count` IDs that a user namespace has from `inside` on are those of its parent from `outside` on
// (user_namespaces(7)).
struct IdRange {
  std::uint32_t inside = 0;
  std::uint32_t outside = 0;
  std::uint32_t count = 0;
  bool operator==(const IdRange&) const = default;
};

// At least one range each, and the first begins with 0 inside.
struct IdMap {
  std::vector<IdRange> users;
  std::vector<IdRange> groups;

  std::uint32_t root_user() const { return users.front().outside; }
  std::uint32_t root_group() const { return groups.front().outside; }
  bool operator==(const IdMap&) const = default;
};

// What open_mapped needs of a map: a user namespace without a process. Takes CAP_SETUID and
// CAP_SETGID in the own namespace.
Result<Fd> make_id_shift(const IdMap& map);

// The directory `dir` and all below it, as a process inside sees it: a file that is made there as
// 0 is stored as the map's root's, and an owner that the map does not have cannot be set
// (EOVERFLOW). Capabilities of files become those of that root (VFS_CAP_REVISION_3). A detached,
// ID-mapped mount (mount_setattr(2), Linux 5.12), which is there while the result is open; it is
// for the *at calls alone (O_PATH). EINVAL where the filesystem has no such mounts.
// Hard links cannot lead into it or out of it (EXDEV).
Result<Fd> open_mapped(const Fd& dir, const Fd& id_shift);

} // namespace dind::sys
