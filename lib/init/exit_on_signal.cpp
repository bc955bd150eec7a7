#include <init/exit_on_signal.hpp>

#include <init/signals.hpp>
#include <sys/signal_name.hpp>

#include <limits.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

namespace dind::init {
namespace {

// For a signal's handler: written before it is one.
std::array<int, kStopSignals.size()> exit_codes{};

// Likewise: written before `mount_told` says so.
std::array<char, PATH_MAX> mount_to_detach{};
std::atomic<bool> mount_told = false;

void end_process(int signal) {
  if (mount_told) {
    ::umount2(mount_to_detach.data(), MNT_DETACH);
  }
  for (std::size_t i = 0; i < kStopSignals.size(); ++i) {
    if (kStopSignals[i] == signal) {
      ::_exit(exit_codes[i]);
    }
  }
}

} // namespace

Result<ExitOnSignal> ExitOnSignal::begin(const std::function<int(int)>& exit_code) {
  for (std::size_t i = 0; i < kStopSignals.size(); ++i) {
    exit_codes[i] = exit_code(sys::kSignalBase + kStopSignals[i]);
  }
  struct sigaction action {};
  action.sa_handler = end_process; // PID 1 gets no signal that has no handler
  sigset_t stops;
  ::sigemptyset(&stops);
  ExitOnSignal stop_at_once;
  for (std::size_t i = 0; i < kStopSignals.size(); ++i) {
    ::sigaddset(&stops, kStopSignals[i]);
    if (::sigaction(kStopSignals[i], &action, &stop_at_once.actions_[i]) == -1) {
      return errno_error("handle signal {}", kStopSignals[i]);
    }
  }
  if (const int code = ::pthread_sigmask(SIG_UNBLOCK, &stops, &stop_at_once.before_); code != 0) {
    return Error("unblock signals", code);
  }
  stop_at_once.active_ = true;
  return stop_at_once;
}

void ExitOnSignal::detach_first(const std::string& mount) {
  mount_told = false;
  if (mount.size() < mount_to_detach.size()) {
    std::copy(mount.begin(), mount.end(), mount_to_detach.begin());
    mount_to_detach[mount.size()] = '\0';
    mount_told = true;
  }
}

ExitOnSignal::ExitOnSignal(ExitOnSignal&& other) noexcept
    : before_(other.before_), actions_(other.actions_),
      active_(std::exchange(other.active_, false)) {}

ExitOnSignal::~ExitOnSignal() {
  if (!active_) {
    return;
  }
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  // One that was ignored is so for dockerd, too.
  for (std::size_t i = 0; i < kStopSignals.size(); ++i) {
    ::sigaction(kStopSignals[i], &actions_[i], nullptr);
  }
}

} // namespace dind::init
