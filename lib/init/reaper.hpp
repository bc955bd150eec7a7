#pragma once

#include <sys/spawn.hpp>

#include <sys/types.h>

#include <optional>

namespace dind::init {

// Makes orphaned descendants ours to reap. PID 1 gets them anyway; any other
// process becomes a subreaper, and says so. To be called before `main` starts.
void adopt_orphans();

// Collects every dead child, ours or adopted, without waiting for the living.
// Returns how `main` ended if it was among them.
std::optional<sys::ExitStatus> reap_all(pid_t main);

} // namespace dind::init
