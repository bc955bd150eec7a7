// killat N CALLS COMMAND [ARGUMENT]...
// killat N:ERRNO CALLS COMMAND [ARGUMENT]...
// killat ask CALLS COMMAND [ARGUMENT]...
// killat storm:SEED CALLS COMMAND [ARGUMENT]...
//
// Runs a command and kills it, all of its threads and children, with SIGKILL just before the N-th
// system call that could change a file system: counted over everything that the command
// starts, where the counters of strace's fault injection are each thread's own. 0 lets it
// run to its end. The file CALLS gets one line a call, the last one is that of the kill.
// Exits with 137 if the command was killed so, else as the command did. It has a mount
// namespace of its own, so that what a killed command has mounted is gone.
//
// With an errno, a number, nothing is killed: the N-th call fails with that, and is not made.
//
// With `ask` nothing is killed: before each call the command stands still until a byte comes from
// standard input, so that whoever reads CALLS, a pipe, may do something in between.
//
// In a storm every transfer of bytes may be cut short, and every call that waits may answer EINTR,
// as dice say that begin with SEED. CALLS gets a line for each that was.
#include "storm.hpp"
#include "system_call.hpp"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <tuple>
#include <vector>

namespace {

constexpr int kKilled = 137;

constexpr std::array kCalls = {CALL(open),
                               CALL(creat),
                               CALL(openat),
                               CALL(openat2),
                               CALL(write),
                               CALL(writev),
                               CALL(pwrite64),
                               CALL(pwritev),
                               CALL(pwritev2),
                               CALL(sendfile),
                               CALL(splice),
                               CALL(truncate),
                               CALL(ftruncate),
                               CALL(fallocate),
                               CALL(mkdir),
                               CALL(mkdirat),
                               CALL(link),
                               CALL(linkat),
                               CALL(symlink),
                               CALL(symlinkat),
                               CALL(mknod),
                               CALL(mknodat),
                               CALL(rename),
                               CALL(renameat),
                               CALL(renameat2),
                               CALL(unlink),
                               CALL(unlinkat),
                               CALL(rmdir),
                               CALL(copy_file_range),
                               CALL(ioctl),
                               CALL(chmod),
                               CALL(fchmod),
                               CALL(fchmodat),
                               CALL(chown),
                               CALL(lchown),
                               CALL(fchown),
                               CALL(fchownat),
                               CALL(utimensat),
                               CALL(utimes),
                               CALL(futimesat),
                               CALL(setxattr),
                               CALL(lsetxattr),
                               CALL(fsetxattr),
                               CALL(removexattr),
                               CALL(lremovexattr),
                               CALL(fremovexattr),
                               CALL(fsync),
                               CALL(fdatasync),
                               CALL(sync),
                               CALL(syncfs),
                               CALL(sync_file_range),
                               CALL(mount),
                               CALL(umount2)};

// Only the calls of the table stop the command; it runs at full speed else.
void trace_these_calls(std::span<const Call> calls) {
  std::vector<sock_filter> program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const Call& call : calls) {
    program.push_back(
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call.number), 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  // As root, and so without PR_SET_NO_NEW_PRIVS.
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == -1) {
    die("killat: filter system calls");
  }
}

[[noreturn]] void become(std::span<const Call> calls, char** command) {
  if (::unshare(CLONE_NEWNS) == -1 ||
      ::mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr) == -1 ||
      ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == -1) {
    die("killat: be traced");
  }
  ::raise(SIGSTOP);
  trace_these_calls(calls);
  ::execvp(command[0], command);
  die(command[0]);
}

bool opens_for_change(std::uint64_t flags) {
  return (flags & (O_CREAT | O_TRUNC)) != 0;
}

// What goes to the terminal or the log, and what opens for reading, changes nothing.
bool is_mutating(const SystemCall& call) {
  const auto& arguments = call.arguments;
  switch (call.number) {
  case SYS_open:
    return opens_for_change(arguments[1]);
  case SYS_openat:
    return opens_for_change(arguments[2]);
  case SYS_openat2: {
    open_how how{};
    iovec here{&how, sizeof(how)};
    iovec there{reinterpret_cast<void*>(arguments[2]), sizeof(how)};
    return ::process_vm_readv(call.thread, &here, 1, &there, 1, 0) != sizeof(how) ||
           opens_for_change(how.flags);
  }
  case SYS_write:
  case SYS_writev:
    return arguments[0] != STDOUT_FILENO && arguments[0] != STDERR_FILENO;
  default:
    return true;
  }
}

// What is done at which call.
struct Plan {
  unsigned long victim = 0;
  long failure = 0; // an errno; 0: the victim is killed
  bool asking = false;
  std::optional<unsigned long> storm; // the seed of its dice
};

constexpr std::string_view kStorm = "storm:";

Plan parse_plan(const char* text) {
  Plan plan;
  char* end = nullptr;
  if (std::string_view(text).starts_with(kStorm)) {
    plan.storm = std::strtoul(text + kStorm.size(), &end, 10);
    return plan;
  }
  plan.asking = std::strcmp(text, "ask") == 0;
  plan.victim = std::strtoul(text, &end, 10);
  plan.failure = *end == ':' ? std::strtol(end + 1, nullptr, 10) : 0;
  return plan;
}

class Tracer {
public:
  Tracer(pid_t command, const Plan& plan, std::FILE* calls)
      : command_(command), plan_(plan), calls_(calls), storm_(plan.storm.value_or(0)) {}

  int run() {
    begin();
    for (;;) {
      int status = 0;
      const pid_t thread = ::waitpid(-1, &status, __WALL);
      if (thread == -1) {
        return exit_code_;
      }
      if (WIFSTOPPED(status)) {
        threads_.insert(thread);
        pass(thread, status);
      } else {
        threads_.erase(thread);
        if (thread == command_ && !killing_) {
          exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
      }
    }
  }

private:
  void begin() {
    int status = 0;
    if (::waitpid(command_, &status, 0) != command_ || !WIFSTOPPED(status)) {
      die("killat: start");
    }
    const long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
                         PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL;
    if (::ptrace(PTRACE_SETOPTIONS, command_, nullptr, options) == -1) {
      die("killat: trace");
    }
    threads_.insert(command_);
    go_on(command_, 0);
  }

  void pass(pid_t thread, int status) {
    const int event = status >> 16;
    if (killing_) {
      ::kill(thread, SIGKILL);
    } else if (event == PTRACE_EVENT_SECCOMP) {
      at_call(thread);
    } else {
      const int signal = WSTOPSIG(status);
      // A new thread begins with a stop of its own.
      go_on(thread, event != 0 || signal == SIGSTOP || signal == SIGTRAP ? 0 : signal);
    }
  }

  void at_call(pid_t thread) {
    const SystemCall call = call_of(thread);
    if (plan_.storm) {
      storm_.pass_over(call, calls_);
    } else if (is_mutating(call)) {
      std::fprintf(calls_, "%s\n", find_call(kCalls, call.number)->name);
      if (++count_ == plan_.victim && plan_.failure == 0) {
        kill_all(); // while it stands before the call, which is then never made
        return;
      }
      if (count_ == plan_.victim) {
        refuse(call, plan_.failure);
      }
      if (plan_.asking) {
        std::fflush(calls_);
        std::ignore = std::getchar(); // at its end, the command goes on without questions
      }
    }
    go_on(thread, 0);
  }

  void kill_all() {
    killing_ = true;
    exit_code_ = kKilled;
    for (const pid_t thread : threads_) {
      ::kill(thread, SIGKILL);
    }
  }

  static void go_on(pid_t thread, int signal) {
    ::ptrace(PTRACE_CONT, thread, nullptr, static_cast<long>(signal));
  }

  pid_t command_;
  Plan plan_;
  std::FILE* calls_;
  Storm storm_;
  std::set<pid_t> threads_;
  unsigned long count_ = 0;
  bool killing_ = false;
  int exit_code_ = kBroken;
};

} // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fputs("usage: killat N CALLS COMMAND [ARGUMENT]...\n", stderr);
    return 64;
  }
  std::FILE* calls = std::fopen(argv[2], "we");
  if (calls == nullptr) {
    die(argv[2]);
  }
  const Plan plan = parse_plan(argv[1]);
  const std::vector<Call> traced =
      plan.storm ? Storm::calls() : std::vector<Call>(kCalls.begin(), kCalls.end());
  const pid_t command = ::fork();
  if (command == -1) {
    die("killat: fork");
  }
  if (command == 0) {
    become(traced, argv + 3);
  }
  const int exit_code = Tracer(command, plan, calls).run();
  return std::fclose(calls) == 0 ? exit_code : kBroken;
}
