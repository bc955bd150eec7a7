#include <init/stop_at_once.hpp>

#include <unistd.h>

#include <array>
#include <utility>

namespace dind::init {
namespace {

constexpr int kSignalBase = 128;
constexpr std::array kStops = {SIGTERM, SIGINT, SIGQUIT};

void end_process(int signal) {
  ::_exit(kSignalBase + signal);
}

} // namespace

Result<StopAtOnce> StopAtOnce::begin() {
  struct sigaction action {};
  action.sa_handler = end_process; // PID 1 gets no signal that has no handler
  sigset_t stops;
  ::sigemptyset(&stops);
  for (const int stop : kStops) {
    ::sigaddset(&stops, stop);
    if (::sigaction(stop, &action, nullptr) == -1) {
      return errno_error("handle signal {}", stop);
    }
  }
  sigset_t before;
  if (const int code = ::pthread_sigmask(SIG_UNBLOCK, &stops, &before); code != 0) {
    return Error("unblock signals", code);
  }
  return StopAtOnce(before);
}

StopAtOnce::StopAtOnce(StopAtOnce&& other) noexcept
    : before_(other.before_), active_(std::exchange(other.active_, false)) {}

StopAtOnce::~StopAtOnce() {
  if (!active_) {
    return;
  }
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  for (const int stop : kStops) {
    ::signal(stop, SIG_DFL);
  }
}

} // namespace dind::init
