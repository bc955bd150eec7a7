#pragma once

#include <init/supervisor.hpp>
#include <sys/path_watch.hpp>
#include <config/settings.hpp>
#include <report/status_board.hpp>
#include <supervise/idleness.hpp>

#include <functional>
#include <optional>
#include <string>

namespace dind::supervise {

// Waits, in a child of PID 1's, until the engine has been idle for a while.
class IdleWait {
public:
  explicit IdleWait(init::Supervisor& supervisor) : supervisor_(supervisor) {}

  // In the place of an earlier wait, which is called off.
  void begin(IdleRequest setting, std::function<void()> then);
  void cancel();

private:
  init::Supervisor& supervisor_;
  pid_t child_ = 0; // 0: none waits
};

// Ends the supervision, with 0, when what DIND_EXIT_WITH names has happened. A condition that
// cannot be watched is a warning.
class ExitCondition {
public:
  ExitCondition(config::ExitWith setting, init::Supervisor& supervisor, report::StatusBoard& board)
      : setting_(std::move(setting)), supervisor_(supervisor), board_(board) {}

  // Before the first start of dockerd: true if it has happened already.
  bool begin();

private:
  bool await_file();
  bool file_is_there();
  void await_others();

  config::ExitWith setting_;
  init::Supervisor& supervisor_;
  report::StatusBoard& board_;
  std::optional<sys::PathWatch> marker_;
};

} // namespace dind::supervise
