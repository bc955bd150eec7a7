#include <boot/private_engine.hpp>

#include <init/reaper.hpp>

#include <poll.h>

#include <thread>
#include <utility>

namespace dind::boot {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPollPause = std::chrono::milliseconds(20);
constexpr auto kKillPatience = std::chrono::seconds(10); // a process may hang in the kernel

} // namespace

Result<PrivateEngine> PrivateEngine::start(const daemon::Launch& launch,
                                           const daemon::NotifySocket& notify, const sigset_t& mask,
                                           const std::function<bool()>& stopped,
                                           std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  PrivateEngine engine(
      TRY(sys::spawn(launch.argv, {.mask = mask, .environment = launch.environment})));
  for (;;) {
    pollfd polled = {notify.fd().get(), POLLIN, 0};
    ::poll(&polled, 1, static_cast<int>(kPollPause.count()));
    const daemon::Notification said = TRY(notify.receive(engine.pid_));
    if (said.ready) {
      return engine;
    }
    if (!engine.runs()) {
      return input_error("dockerd ended with {} before it served", engine.ended_->code);
    }
    const bool is_late = Clock::now() >= deadline;
    if (stopped() || is_late) {
      constexpr auto kEndPatience = std::chrono::seconds(3);
      engine.stop(kEndPatience);
      return Error("wait for dockerd to serve", is_late ? ETIMEDOUT : ECANCELED);
    }
  }
}

PrivateEngine::PrivateEngine(PrivateEngine&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), ended_(other.ended_) {}

PrivateEngine::~PrivateEngine() {
  if (runs()) {
    ::kill(pid_, SIGKILL);
    wait_for_end(kKillPatience);
  }
}

bool PrivateEngine::runs() {
  if (pid_ != 0) {
    if (const auto status = init::reap_all(pid_)) {
      ended_ = status;
      pid_ = 0;
    }
  }
  return pid_ != 0;
}

bool PrivateEngine::stop(std::chrono::milliseconds patience) {
  if (!runs()) {
    return true;
  }
  ::kill(pid_, SIGTERM);
  if (wait_for_end(patience)) {
    return true;
  }
  ::kill(pid_, SIGKILL); // its containerd goes with it, by PDEATHSIG
  wait_for_end(kKillPatience);
  return false;
}

bool PrivateEngine::wait_for_end(std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  while (runs()) {
    if (Clock::now() >= deadline) {
      return false;
    }
    std::this_thread::sleep_for(kPollPause);
  }
  return true;
}

} // namespace dind::boot
