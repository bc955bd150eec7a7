#include "system_call.hpp"

#include <sys/ptrace.h>
#include <sys/user.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace {

user_regs_struct registers_of(pid_t thread) {
  user_regs_struct registers{};
  if (::ptrace(PTRACE_GETREGS, thread, nullptr, &registers) == -1) {
    die("killat: read registers");
  }
  return registers;
}

void set_registers(pid_t thread, const user_regs_struct& registers) {
  if (::ptrace(PTRACE_SETREGS, thread, nullptr, &registers) == -1) {
    die("killat: write registers");
  }
}

} // namespace

void die(const char* doing) {
  std::perror(doing);
  std::exit(kBroken);
}

const Call* find_call(std::span<const Call> table, std::uint64_t number) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const Call& call) {
    return static_cast<std::uint64_t>(call.number) == number;
  });
  return found == table.end() ? nullptr : &*found;
}

SystemCall call_of(pid_t thread) {
  const user_regs_struct registers = registers_of(thread);
  return {thread,
          registers.orig_rax,
          {registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9}};
}

void refuse(const SystemCall& call, long failure) {
  user_regs_struct registers = registers_of(call.thread);
  registers.orig_rax = static_cast<unsigned long long>(-1);
  registers.rax = static_cast<unsigned long long>(-failure);
  set_registers(call.thread, registers);
}

void set_argument(const SystemCall& call, std::size_t argument, std::uint64_t value) {
  user_regs_struct registers = registers_of(call.thread);
  const std::array places = {&registers.rdi, &registers.rsi, &registers.rdx,
                             &registers.r10, &registers.r8,  &registers.r9};
  *places[argument] = value;
  set_registers(call.thread, registers);
}
