// A system call before which a traced thread stands.
#pragma once

#include <sys/syscall.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

constexpr int kBroken = 125;

[[noreturn]] void die(const char* doing);

// A row of a table of calls.
struct Call {
  long number;
  const char* name;
};

#define CALL(name)                                                                                 \
  Call {                                                                                           \
    SYS_##name, #name                                                                              \
  }

const Call* find_call(std::span<const Call> table, std::uint64_t number);

struct SystemCall {
  pid_t thread;
  std::uint64_t number;
  std::array<std::uint64_t, 6> arguments;
};

SystemCall call_of(pid_t thread);

// The call is passed over, and answers with `failure`, an errno.
void refuse(const SystemCall& call, long failure);

void set_argument(const SystemCall& call, std::size_t argument, std::uint64_t value);
