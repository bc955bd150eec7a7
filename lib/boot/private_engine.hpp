#pragma once

#include <base/result.hpp>
#include <daemon/launch.hpp>
#include <daemon/notify.hpp>
#include <sys/spawn.hpp>

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>

namespace dind::boot {

// A dockerd that runs for a while and for us alone, before the one that clients see.
// While it runs, its orphans are reaped here, since init::Supervisor does not run yet; sys::run
// must not be used.
class PrivateEngine {
public:
  // Starts it and waits until it says that it serves. ECANCELED if `stopped` became true,
  // ETIMEDOUT if it says nothing for `patience`; then it has been stopped again.
  // `notify` is the socket that `launch` names.
  static Result<PrivateEngine> start(const daemon::Launch& launch,
                                     const daemon::NotifySocket& notify, const sigset_t& mask,
                                     const std::function<bool()>& stopped,
                                     std::chrono::milliseconds patience);

  // Killed if it was not stopped.
  ~PrivateEngine();
  PrivateEngine(PrivateEngine&& other) noexcept;
  PrivateEngine& operator=(PrivateEngine&&) = delete;

  // Reaps what is dead, and tells whether the engine is not.
  bool runs();

  // SIGTERM, and SIGKILL to what is still there after `patience`. False if that was needed.
  bool stop(std::chrono::milliseconds patience);

private:
  explicit PrivateEngine(pid_t pid) : pid_(pid) {}
  bool wait_for_end(std::chrono::milliseconds patience);

  pid_t pid_; // 0: it has ended, or was moved from
  std::optional<sys::ExitStatus> ended_;
};

} // namespace dind::boot
