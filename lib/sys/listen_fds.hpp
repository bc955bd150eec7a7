#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <span>
#include <string>
#include <vector>

namespace dind::sys {

// Descriptors on their way to a child, which finds them at 3, 4, ... in their order and is
// told so by LISTEN_FDS and LISTEN_PID, as sd_listen_fds(3) has it.
class ListenFds {
public:
  // Copies the descriptors out of the way of the places they go to, and holds those places, so
  // that whatever is opened between here and the fork lies beyond and is not overwritten.
  static Result<ListenFds> prepare(std::span<const Fd> descriptors);

  bool is_empty() const { return copies_.empty(); }

  // The first descriptor that is not one of those handed over.
  unsigned beyond() const { return kFirst + static_cast<unsigned>(copies_.size()); }

  // Puts the two variables last into `environment`, in the place of others of these names. Which
  // pid the child will have is not known yet: the last entry has room for it.
  void announce_in(std::vector<std::string>& environment) const;

  // In the child, between fork and exec, where only async-signal-safe calls are sound: puts the
  // descriptors into their places, and the pid into that last entry.
  void arrive(char* pid_entry) const;

private:
  static constexpr unsigned kFirst = 3;

  std::vector<Fd> copies_;
  std::vector<Fd> held_;
};

} // namespace dind::sys
