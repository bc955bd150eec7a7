#pragma once

#include <init/supervisor.hpp>

#include <sys/types.h>

namespace dind::supervise {

// Calls a task off that serves from caches, and waits until it is gone: it holds them open, which
// the data root may have below it. 0 is none.
void end_child(init::Supervisor& supervisor, pid_t task);

} // namespace dind::supervise
