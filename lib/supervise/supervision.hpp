#pragma once

#include <init/signals.hpp>
#include <supervise/handover.hpp>

namespace dind::supervise {

// Runs dockerd to its end, and for that long is all that PID 1 does: forwards, reaps,
// drains, restarts and stops, as the environment and `handover.arguments` have it. What would
// take time, the engine's answers above all, is a forked child's work. Returns the exit code.
int supervise(Handover handover, const init::SignalSource& signals);

// The same in a program that was started anew for it.
int supervise(Handover handover);

} // namespace dind::supervise
