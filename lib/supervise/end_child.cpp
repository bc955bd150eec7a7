#include <supervise/end_child.hpp>

#include <base/fd.hpp>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace dind::supervise {
namespace {

constexpr int kEndWait = 500; // milliseconds, for a process that was killed

} // namespace

void end_child(init::Supervisor& supervisor, pid_t task) {
  if (task == 0) {
    return;
  }
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, task, 0)));
  supervisor.cancel(task);
  pollfd polled{process.get(), POLLIN, 0};
  ::poll(&polled, 1, kEndWait);
}

} // namespace dind::supervise
