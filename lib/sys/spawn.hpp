#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dind::sys {

// How a process ended, as a shell would say it: 0-255, or 128 + the signal.
struct ExitStatus {
  int code = 0;
  static ExitStatus from_wait(int raw);
};

// What a child starts with. Its descriptors are 0, 1 and 2, those of `sockets`, and no others.
struct SpawnOptions {
  sigset_t mask{};                                     // the signal mask it gets
  std::optional<std::vector<std::string>> environment; // NAME=value; ours if absent
  std::span<const Fd> sockets;      // it finds them at 3, 4, ..., and LISTEN_FDS and LISTEN_PID set
  const Fd* error_output = nullptr; // its standard error; ours if absent
  bool dies_with_parent = false;    // killed when the thread that started it ends
  bool own_group = true; // a process group of its own, the terminal's foreground one if ours was
};

// Starts argv[0], looked up in our PATH where it has no slash; the child sees
// argv as given. An executable that cannot be started is an error with its
// errno (ENOENT, EACCES, ...), see `exit_code_for`. The caller, and only the
// caller, reaps the pid.
Result<pid_t> spawn(const std::vector<std::string>& argv, const SpawnOptions& options);

// Where execvp(3) would find a program, with `path` as PATH (nullptr: its default); directories do
// not count. A name with a slash is its own answer. ENOENT, or EACCES if no match can be executed.
Result<std::string> find_program(const std::string& name, const char* path = std::getenv("PATH"));

// What a shell exits with when a command could not be started: 127 where there
// is no such command, 126 otherwise.
int exit_code_for(const Error& not_started);

// Runs a short helper (iptables, mkfs) to its end and returns what it wrote to
// standard output and error, up to 64 KiB. It reads /dev/null, and no signal is
// blocked for it. Waits for exactly the pid it started. One that is not done within `patience` is
// killed, and is an error (ETIMEDOUT).
// Not to be used once a reaper runs: see init/reaper.hpp.
struct Finished {
  ExitStatus status;
  std::string output;
};
Result<Finished> run(const std::vector<std::string>& argv,
                     std::optional<std::chrono::seconds> patience = std::nullopt);

} // namespace dind::sys
