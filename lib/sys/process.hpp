#pragma once

#include <base/result.hpp>

#include <sys/types.h>

#include <cstdint>

namespace dind::sys {

// What proc(5) says in /proc/<pid>/stat.
struct ProcessStat {
  pid_t parent = 0;
  std::uint64_t start_ticks = 0; // since the kernel's start, in units of sysconf(_SC_CLK_TCK)
};
Result<ProcessStat> read_process_stat(pid_t pid);

} // namespace dind::sys
