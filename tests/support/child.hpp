#pragma once

#include <base/fd.hpp>

#include <gtest/gtest.h>

#include <sys/types.h>

#include <functional>

namespace dind::test {

// Forks a child that ends with what `body` returns.
pid_t fork_into(const std::function<int()>& body);

// The same as PID 1 of a PID namespace of its own. Needs CAP_SYS_ADMIN.
pid_t fork_into_pid1(const std::function<int()>& body);

// Waits for `child` and returns 0-255, or 128 + the signal that killed it.
int exit_code_of(pid_t child);

// EXPECT_TRUE(holds_in_child([] { EXPECT_...; })): for what is a process' own
// (signal masks, subreapers, descriptors) and must not spread to other tests.
testing::AssertionResult holds_in_child(const std::function<void()>& body);

// The same where no thread can be had: as a user who may have no more processes. Needs root, which
// has no such limit of its own; the child keeps its capabilities but those that lift it.
testing::AssertionResult holds_without_threads(const std::function<void()>& body);

// Waits until `child` is dead, and leaves it to be reaped.
void wait_until_zombie(pid_t child);

// Makes a grandchild, orphans it, and returns when it is dead, with 0 if all
// that worked. Whoever adopts orphans has one to reap by then.
int leave_an_orphan();

// One byte at a time between processes. Both ends close on exec.
struct Pipe {
  Pipe();
  Fd reader;
  Fd writer;

  void send(int byte = 0) const;
  // The next byte; -1 when every writer is gone.
  int receive() const;
};

} // namespace dind::test
