#pragma once

#include <base/fd.hpp>
#include <init/signals.hpp>

#include <sys/types.h>

#include <functional>
#include <span>

namespace dind::init {

// A descriptor to serve while supervising. `readable` takes what is there,
// without blocking and without throwing; it is called again while more is left.
// A descriptor that has hung up is read for the last time and then let go.
struct Watch {
  const Fd& fd;
  std::function<void()> readable;
};

// Forwards every signal once to `main`, reaps every child, serves the watches,
// and returns when `main` has ended: with its status, 0-255, or 128 + the signal
// that killed it. Nothing else ends it: when PID 1 exits, the kernel kills every
// container, so failures are logged and survived. `main` is our child, unreaped.
// `forwards`, if there is one, is asked before a signal is forwarded, and may keep it.
int supervise(pid_t main, const SignalSource& signals, std::span<const Watch> watches,
              const std::function<bool(int signal)>& forwards = nullptr);

} // namespace dind::init
