#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <string>

namespace dind::sys {

// A directory for what is not finished yet. A lock on it shows that its owner lives, so that what a
// killed one leaves can be told from what is being made.
struct LockedDir {
  std::string name; // the prefix and random digits
  Fd dir;           // has the lock; without one where the filesystem has none
};

Result<LockedDir> make_locked_dir(const Fd& parent, const std::string& prefix);

bool is_locked_dir(const std::string& name, const std::string& prefix);

// Removes those whose owners are gone. One that cannot be removed stays.
void remove_orphans(const Fd& parent, const std::string& prefix);

} // namespace dind::sys
