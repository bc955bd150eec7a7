#include <supervise/stderr_tail.hpp>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

namespace dind::supervise {
namespace {

constexpr std::size_t kLines = 3;
constexpr int kPatience = 500; // milliseconds

} // namespace

Result<void> StderrTail::begin() {
  relay_.emplace(TRY(init::StderrRelay::open()));
  pass_on();
  return {};
}

// Should the child die, the pipe stays, and another one goes on.
void StderrTail::pass_on() {
  child_ = supervisor_.run_in_child(
      [this]() {
        relay_->pass_on();
        return std::string();
      },
      [this](const std::string&) { pass_on(); });
}

void StderrTail::finish() {
  const pid_t child = std::exchange(child_, 0); // once
  if (!relay_ || child == 0) {
    return;
  }
  relay_->finish();
  const Fd watched(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  pollfd polled{watched.get(), POLLIN, 0};
  ::poll(&polled, 1, kPatience);
}

std::string StderrTail::text() const {
  return relay_ ? relay_->last_lines(kLines) : "";
}

} // namespace dind::supervise
