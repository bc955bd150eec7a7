#include <init/signals.hpp>

#include <sys/signalfd.h>
#include <unistd.h>

namespace dind::init {
namespace {

// Blocked, a fault would be lost or, where the kernel forces it, kill us without a core.
constexpr std::array kFaults = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};

// Blocked and never read: then a write to the terminal from the background
// works, and a read fails with EIO, instead of stopping PID 1 for good.
constexpr std::array kTerminal = {SIGTTIN, SIGTTOU};

} // namespace

Result<SignalSource> SignalSource::open(const std::optional<sigset_t>& original_mask) {
  sigset_t blocked;
  ::sigfillset(&blocked);
  for (const int fault : kFaults) {
    ::sigdelset(&blocked, fault);
  }
  sigset_t original;
  if (const int code = ::pthread_sigmask(SIG_BLOCK, &blocked, &original); code != 0) {
    return Error("block signals", code);
  }
  if (::signal(SIGCHLD, SIG_DFL) == SIG_ERR) {
    return errno_error("reset SIGCHLD");
  }
  sigset_t read = blocked;
  for (const int unread : kTerminal) {
    ::sigdelset(&read, unread);
  }
  const int raw = ::signalfd(-1, &read, SFD_CLOEXEC);
  if (raw == -1) {
    return errno_error("open a signalfd");
  }
  return SignalSource(Fd(raw), original_mask.value_or(original));
}

Result<Signal> SignalSource::next() const {
  signalfd_siginfo taken{};
  while (::read(fd_.get(), &taken, sizeof taken) == -1) {
    if (errno != EINTR) {
      return errno_error("read a signal");
    }
  }
  return Signal{static_cast<int>(taken.ssi_signo), static_cast<pid_t>(taken.ssi_pid)};
}

std::optional<int> SignalSource::pending_stop() {
  sigset_t pending;
  ::sigemptyset(&pending);
  ::sigpending(&pending);
  for (const int stop : kStopSignals) {
    if (::sigismember(&pending, stop) == 1) {
      return stop;
    }
  }
  return std::nullopt;
}

} // namespace dind::init
