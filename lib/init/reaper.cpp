#include <init/reaper.hpp>

#include <base/log.hpp>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dind::init {

void adopt_orphans() {
  if (::getpid() == 1) {
    return;
  }
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1) {
    log::warn("{}; orphaned processes will not be reaped here",
              errno_error("become a subreaper, not being PID 1").describe());
    return;
  }
  log::info("reaping orphaned processes as a subreaper: this is process {}, not PID 1", ::getpid());
}

std::optional<sys::ExitStatus> reap_all(pid_t main) {
  std::optional<sys::ExitStatus> main_ended;
  for (;;) {
    int raw = 0;
    // Signals of one kind merge while pending, so one SIGCHLD may stand for
    // many deaths: always drain.
    const pid_t pid = ::waitpid(-1, &raw, WNOHANG);
    if (pid == -1 && errno == EINTR) {
      continue;
    }
    if (pid <= 0) { // 0: children, none dead; -1: ECHILD, none at all
      return main_ended;
    }
    if (pid == main) {
      main_ended = sys::ExitStatus::from_wait(raw);
    }
  }
}

} // namespace dind::init
