#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace dind::supervise {

// A process as /proc tells it.
struct Process {
  pid_t pid = 0;
  pid_t parent = 0;            // 0: it is outside of this process namespace
  std::uint64_t started = 0;   // ticks since the kernel's start
  std::string mount_namespace; // what /proc/<pid>/ns/mnt links to; empty if it cannot be read
};

// The main processes of other containers in this process namespace. A runtime starts
// them from outside, so that they have no parent here, and so it does with what is
// executed in a container later on: the oldest in its mount namespace is the main one. PID 1 is
// the sandbox' own.
std::vector<pid_t> other_main_processes(const std::vector<Process>& all, const Process& self);

Result<std::vector<Process>> list_processes();

// Waits until another container's main process runs, and then until none does. Blocks; looks
// twice a second before there is one, and sleeps until it ends. Returns what has ended.
Result<std::string> wait_for_others_to_end();

} // namespace dind::supervise
