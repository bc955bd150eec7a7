#pragma once

#include <base/result.hpp>

#include <signal.h>

#include <array>
#include <functional>
#include <string>

namespace dind::init {

// While one lives, SIGTERM, SIGINT and SIGQUIT end this process in the instant that they come,
// all of its threads, with 128 + n or as one says: for work that may be killed at any moment, in
// whatever system call it is. One that waits already ends it now. PID 1 takes its children along.
class ExitOnSignal {
public:
  // To be called, and its end to be reached, where signals are blocked (SignalSource). What it
  // ends with is `exit_code` of 128 + n. One at a time.
  static Result<ExitOnSignal> begin(const std::function<int(int)>& exit_code = std::identity());
  ~ExitOnSignal();

  // The mount that such an end detaches first. One at a time; a path beyond PATH_MAX is none.
  static void detach_first(const std::string& mount);

  ExitOnSignal(ExitOnSignal&& other) noexcept;
  ExitOnSignal& operator=(ExitOnSignal&&) = delete;

private:
  ExitOnSignal() = default;

  sigset_t before_{}; // the mask
  std::array<struct sigaction, 3> actions_{};
  bool active_ = false;
};

} // namespace dind::init
