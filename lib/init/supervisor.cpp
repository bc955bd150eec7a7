#include <init/supervisor.hpp>

#include <base/log.hpp>
#include <init/reaper.hpp>

#include <poll.h>
#include <unistd.h>

#include <optional>
#include <vector>

namespace dind::init {
namespace {

constexpr short kGone = POLLHUP | POLLRDHUP | POLLERR | POLLNVAL;
constexpr int kUnwatched = -1; // poll(2) skips negative descriptors

std::vector<pollfd> polled_for(const SignalSource& signals, std::span<const Watch> watches) {
  std::vector<pollfd> polled = {{signals.fd().get(), POLLIN, 0}};
  for (const Watch& watch : watches) {
    polled.push_back({watch.fd.get(), POLLIN | POLLRDHUP, 0});
  }
  return polled;
}

void serve(std::span<const Watch> watches, std::span<pollfd> polled) {
  for (std::size_t i = 0; i < watches.size(); ++i) {
    if ((polled[i].revents & POLLIN) != 0) {
      watches[i].readable();
    }
    // A hang-up is never over: it would be reported at once, for ever.
    if ((polled[i].revents & kGone) != 0) {
      polled[i].fd = kUnwatched;
    }
  }
}

// Takes one signal. Returns how `main` ended if that is what it was about.
std::optional<sys::ExitStatus> take_signal(pid_t main, const SignalSource& signals,
                                           const std::function<bool(int)>& forwards) {
  const Result<Signal> signal = signals.next();
  if (!signal) {
    log::warn("{}", signal.error().describe());
    return std::nullopt;
  }
  if (signal->number == SIGCHLD) {
    return reap_all(main);
  }
  // Our own doing (SIGPIPE from a log that nobody reads) concerns nobody else.
  if (signal->sender != ::getpid() && (!forwards || forwards(signal->number))) {
    ::kill(main, signal->number); // ESRCH cannot be: only we reap it
  }
  return std::nullopt;
}

} // namespace

int supervise(pid_t main, const SignalSource& signals, std::span<const Watch> watches,
              const std::function<bool(int signal)>& forwards) {
  std::vector<pollfd> polled = polled_for(signals, watches);
  for (;;) {
    if (::poll(polled.data(), polled.size(), -1) == -1) {
      if (errno == EINTR) {
        continue;
      }
      // Without poll the signals still arrive, one blocking read at a time.
      log::warn("{}", errno_error("poll while supervising").describe());
      polled.assign(1, {signals.fd().get(), POLLIN, POLLIN});
      watches = {};
    }
    serve(watches, std::span(polled).subspan(1));
    if (polled.front().revents != 0) {
      if (const auto ended = take_signal(main, signals, forwards)) {
        return ended->code;
      }
    }
  }
}

} // namespace dind::init
