#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <signal.h>
#include <sys/types.h>

#include <array>
#include <optional>

namespace dind::init {

// What asks this program to end.
inline constexpr std::array kStopSignals = {SIGTERM, SIGINT, SIGQUIT};

struct Signal {
  int number = 0;
  // As seen from our PID namespace: 0 for the kernel and for senders outside,
  // which is where an engine's `docker stop` comes from. For SIGCHLD, the child.
  pid_t sender = 0;
};

// Every signal that can be held back, held back, and read from a descriptor
// instead. Only those that report a fault of this very program stay as they
// are, and SIGTTIN and SIGTTOU, which must not stop PID 1, stay unread.
class SignalSource {
public:
  // To be called before the first thread starts, which inherits the mask.
  // SIGCHLD is set to its default: ignored, it would cost every exit status.
  // After an exec in which all stayed blocked, so that none got lost, `original` is the
  // mask from before the first `open`.
  static Result<SignalSource> open(const std::optional<sigset_t>& original = std::nullopt);

  // The mask from before `open`, for children.
  const sigset_t& original_mask() const { return original_mask_; }

  // Readable while a signal waits.
  const Fd& fd() const { return fd_; }

  // Waits for the next signal and takes it. To be called from the thread that
  // called `open`, as is everything that may raise SIGPIPE.
  Result<Signal> next() const;

  // SIGTERM, SIGINT or SIGQUIT, if one waits; it goes on waiting. SIGHUP asks a
  // daemon to read its configuration again, so it is not among them. Any thread.
  static std::optional<int> pending_stop();

private:
  SignalSource(Fd fd, const sigset_t& original_mask)
      : fd_(std::move(fd)), original_mask_(original_mask) {}

  Fd fd_;
  sigset_t original_mask_;
};

} // namespace dind::init
