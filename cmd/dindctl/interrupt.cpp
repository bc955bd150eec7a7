#include "interrupt.hpp"

#include <signal.h>

namespace dind::ctl {
namespace {

StopFlag stop_requested{false};
volatile sig_atomic_t stop_signal = 0;

void request_stop(int signal) {
  stop_signal = signal;
  stop_requested = true;
}

} // namespace

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = request_stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    ::sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) { // nohup
      ::sigaction(signal, &action, nullptr);
    }
  }
  ::signal(SIGPIPE, SIG_IGN); // a reader that has gone is an error of the write
}

const StopFlag& stop_flag() {
  return stop_requested;
}

void end_by_signal() {
  if (stop_signal != 0) {
    ::signal(stop_signal, SIG_DFL);
    ::raise(stop_signal);
  }
}

} // namespace dind::ctl
