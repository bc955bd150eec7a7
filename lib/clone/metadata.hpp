#pragma once

#include <sys/file.hpp>

namespace dind::clone {

// Who owns what is made in a directory. Unknown where the directory hands on a group.
struct Birth {
  bool known = false;
  uid_t uid = 0;
  gid_t gid = 0;

  static Birth in(const struct stat& dir);
  bool is(const struct stat& status) const {
    return known && status.st_uid == uid && status.st_gid == gid;
  }
};

// Gives `to` the metadata of `from`, whose status is given: owner, extended attributes,
// mode, times, in this order, as a new owner clears setuid bits and capabilities.
//
// Overlayfs' own marks (trusted.overlay.*) and labels that a host's policy puts on a
// place rather than on content (security.* but capabilities) are left out, and so is
// what the target's filesystem has no attributes for (EOPNOTSUPP), as engines do.
Result<void> copy_metadata(const Fd& from, const Fd& to, const struct stat& status, Birth birth);

// The same for a name that is no directory or regular file.
Result<void> copy_metadata_at(sys::At from, sys::At to, const struct stat& status, Birth birth);

// Removes the attributes that a copy would give, so that none of the old ones remains.
Result<void> clear_xattrs(const Fd& fd);

} // namespace dind::clone
