#pragma once

#include <base/wishes.hpp>
#include <boot/idleness.hpp>
#include <boot/status.hpp>
#include <init/supervisor.hpp>
#include <sys/path_watch.hpp>

#include <functional>
#include <optional>
#include <string>

namespace dind::boot {

// Waits, in a child of PID 1's, until nothing has worked for a while.
class IdleWait {
public:
  explicit IdleWait(init::Supervisor& supervisor) : supervisor_(supervisor) {}

  // In the place of an earlier wait, which is called off.
  void begin(IdlenessWish wish, std::function<void()> then);
  void call_off();

private:
  init::Supervisor& supervisor_;
  pid_t child_ = 0; // 0: none waits
};

// Ends the supervision, with 0, when what DIND_EXIT_WITH names has happened. A condition that
// cannot be watched is a warning.
class Ending {
public:
  Ending(ExitWish wish, init::Supervisor& supervisor, StatusBoard& board)
      : wish_(std::move(wish)), supervisor_(supervisor), board_(board) {}

  // Before the first start of dockerd: true if it has happened already.
  bool begin();

private:
  bool await_file();
  bool file_is_there();
  void await_others();

  ExitWish wish_;
  init::Supervisor& supervisor_;
  StatusBoard& board_;
  std::optional<sys::PathWatch> marker_;
};

} // namespace dind::boot
