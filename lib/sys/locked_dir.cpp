#include <sys/locked_dir.hpp>

#include <sys/dir.hpp>
#include <sys/lock.hpp>

#include <algorithm>
#include <tuple>

namespace dind::sys {
namespace {

constexpr std::size_t kRandomBytes = 4;
constexpr int kLockAttempts = 10;

bool is_hex_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

} // namespace

Result<LockedDir> make_locked_dir(const Fd& parent, const std::string& prefix) {
  for (int i = 0; i < kLockAttempts; ++i) {
    LockedDir made{prefix + random_hex(kRandomBytes), Fd()};
    TRY(make_dir_at({parent, made.name}, 0700));
    auto opened = open_dir_at({parent, made.name});
    // Before the lock, another process may take it for an orphan and remove it.
    if (!opened && opened.error().is(std::errc::no_such_file_or_directory)) {
      continue;
    }
    made.dir = TRY(std::move(opened));
    const auto locked = try_lock(made.dir);
    if ((!locked || *locked) && TRY(stat_of(made.dir)).st_nlink > 0) {
      return made;
    }
  }
  return Error("make a directory " + prefix + "*", EBUSY);
}

bool is_locked_dir(const std::string& name, const std::string& prefix) {
  return name.size() == prefix.size() + 2 * kRandomBytes && name.starts_with(prefix) &&
         std::all_of(name.begin() + static_cast<std::ptrdiff_t>(prefix.size()), name.end(),
                     is_hex_digit);
}

void remove_orphans(const Fd& parent, const std::string& prefix) {
  const auto entries = list_dir(parent);
  if (!entries) {
    return;
  }
  for (const DirEntry& entry : *entries) {
    if (!is_locked_dir(entry.name, prefix)) {
      continue;
    }
    const auto orphan = open_dir_at({parent, entry.name});
    const auto locked = orphan ? try_lock(*orphan) : Result<bool>(false);
    if (locked && *locked) {
      std::ignore = remove_tree_at({parent, entry.name});
    }
  }
}

} // namespace dind::sys
