#pragma once

#include <images/spool.hpp>

namespace dind::ctl {

// Lets the signals that end a program politely set a flag instead, once: a second one does not
// wait for the clean-up. A pipe whose reader has gone is an error, and no signal.
void catch_stop_signals();
const StopFlag& stop_flag();

// Ends as the signal would have ended us; returns if there was none. Everything must be
// removed by then.
void end_by_signal();

} // namespace dind::ctl
