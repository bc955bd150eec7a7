#include <support/child.hpp>

#include <sys/spawn.hpp>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace dind::test {
namespace {

void must(bool condition, const char* what) {
  if (!condition) {
    std::perror(what);
    std::abort();
  }
}

pid_t run_forked(pid_t forked, const std::function<int()>& body) {
  must(forked != -1, "fork");
  if (forked == 0) {
    const int code = body();
    std::fflush(nullptr);
    ::_exit(code);
  }
  return forked;
}

} // namespace

pid_t fork_into(const std::function<int()>& body) {
  std::fflush(nullptr); // or both would write what is buffered
  return run_forked(::fork(), body);
}

pid_t fork_into_pid1(const std::function<int()>& body) {
  std::fflush(nullptr);
  return run_forked(static_cast<pid_t>(::syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0)),
                    body);
}

int exit_code_of(pid_t child) {
  int raw = 0;
  pid_t waited = 0;
  do {
    waited = ::waitpid(child, &raw, 0);
  } while (waited == -1 && errno == EINTR);
  must(waited == child, "waitpid");
  return sys::ExitStatus::from_wait(raw).code;
}

testing::AssertionResult holds_in_child(const std::function<void()>& body) {
  const pid_t child = fork_into([&] {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL); // a test that is timed out leaves nobody behind
    body();
    return testing::Test::HasFailure() ? 1 : 0;
  });
  const int code = exit_code_of(child);
  if (code == 0) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << "the child ended with " << code;
}

testing::AssertionResult holds_without_threads(const std::function<void()>& body) {
  return holds_in_child([&] {
    const rlimit one{1, 1};
    must(::setrlimit(RLIMIT_NPROC, &one) == 0, "setrlimit");
    must(::setresuid(65534, 0, 0) == 0, "setresuid");
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> held{};
    must(::syscall(SYS_capget, &header, held.data()) == 0, "capget");
    held[0].effective &= ~((1U << CAP_SYS_ADMIN) | (1U << CAP_SYS_RESOURCE));
    must(::syscall(SYS_capset, &header, held.data()) == 0, "capset");
    body();
  });
}

void wait_until_zombie(pid_t child) {
  siginfo_t info{};
  must(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0, "waitid");
}

int leave_an_orphan() {
  const Pipe pids;
  const Pipe go;
  const pid_t parent = fork_into([&] {
    const pid_t orphan = fork_into([&] { return go.receive(); });
    return ::write(pids.writer.get(), &orphan, sizeof orphan) == sizeof orphan ? 0 : 1;
  });
  pid_t orphan = 0;
  if (exit_code_of(parent) != 0 ||
      ::read(pids.reader.get(), &orphan, sizeof orphan) != sizeof orphan) {
    return 1;
  }
  const Fd watched(static_cast<int>(::syscall(SYS_pidfd_open, orphan, 0)));
  go.send();
  pollfd polled{watched.get(), POLLIN, 0};
  return ::poll(&polled, 1, -1) == 1 ? 0 : 1;
}

Pipe::Pipe() {
  std::array<int, 2> ends{};
  must(::pipe2(ends.data(), O_CLOEXEC) == 0, "pipe");
  reader = Fd(ends[0]);
  writer = Fd(ends[1]);
}

void Pipe::send(int byte) const {
  const auto value = static_cast<unsigned char>(byte);
  must(::write(writer.get(), &value, 1) == 1, "write to a pipe");
}

int Pipe::receive() const {
  unsigned char value = 0;
  ssize_t got = 0;
  do {
    got = ::read(reader.get(), &value, 1);
  } while (got == -1 && errno == EINTR);
  return got == 1 ? value : -1;
}

} // namespace dind::test
