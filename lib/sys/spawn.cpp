#include <sys/spawn.hpp>

#include <sys/file.hpp>
#include <sys/listen_fds.hpp>
#include <sys/signal_name.hpp>

#include <boost/process/args.hpp>
#include <boost/process/child.hpp>
#include <boost/process/error.hpp>
#include <boost/process/exe.hpp>
#include <boost/process/extend.hpp>

#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <tuple>

namespace dind::sys {
namespace {

namespace bp = boost::process;

constexpr std::size_t kOutputLimit = 64U << 10U;

// The pointers that execve(2) wants, valid as long as `words` is.
std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> our_environment() {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry; ++entry) {
    entries.emplace_back(*entry);
  }
  return entries;
}

// What a child gets as its standard streams, where they are not simply ours.
struct Streams {
  Fd input;
  Fd output; // standard error as well
};

// What happens between fork and exec. Everything it needs was allocated before:
// after a fork in a threaded process only async-signal-safe calls are sound.
class Preparation : public bp::extend::handler {
public:
  Preparation(std::vector<std::string>& argv, SpawnOptions& options, const Streams* streams,
              const ListenFds& handover)
      : mask_(options.mask), own_group_(options.own_group),
        dies_with_parent_(options.dies_with_parent), error_output_(options.error_output),
        streams_(streams), handover_(handover), argv_(pointers_to(argv)) {
    if (options.environment) {
      environment_ = pointers_to(*options.environment);
    }
  }

  template <typename Executor>
  void on_exec_setup(Executor& executor) const {
    // A path found in PATH is where to load from; programs expect the name they were called by.
    executor.cmd_line = argv_.data();
    if (!environment_.empty()) {
      executor.env = const_cast<char**>(environment_.data());
    }
    if (own_group_) {
      lead_group();
    }
    if (dies_with_parent_) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    if (error_output_) {
      ::dup2(error_output_->get(), STDERR_FILENO);
    }
    if (streams_) {
      ::dup2(streams_->input.get(), STDIN_FILENO);
      ::dup2(streams_->output.get(), STDOUT_FILENO);
      ::dup2(streams_->output.get(), STDERR_FILENO);
    }
    // Ours close on exec by themselves. This is for what a careless runtime left open in us.
    ::syscall(SYS_close_range, handover_.beyond(), std::numeric_limits<unsigned>::max(),
              CLOSE_RANGE_CLOEXEC);
    if (!handover_.is_empty()) {
      handover_.arrive(*(environment_.end() - 2)); // nothing but the nullptr is behind it
    }
    ::sigprocmask(SIG_SETMASK, &mask_, nullptr);
  }

  // Boost looks for the dead child with WNOHANG, which may be too early.
  template <typename Executor>
  void on_error(Executor& executor, const std::error_code&) const {
    if (executor.pid > 0) {
      while (::waitpid(executor.pid, nullptr, 0) == -1 && errno == EINTR) {
      }
    }
  }

private:
  // Takes the terminal along, if there is one and it is ours to give: a shell
  // in a background group would stop at its first read.
  static void lead_group() {
    const bool foreground = ::tcgetpgrp(STDIN_FILENO) == ::getpgrp();
    ::setpgid(0, 0);
    if (foreground) {
      sigset_t all;
      ::sigfillset(&all); // SIGTTOU stops who does this from the background
      ::sigprocmask(SIG_SETMASK, &all, nullptr);
      ::tcsetpgrp(STDIN_FILENO, ::getpgrp());
    }
  }

  sigset_t mask_;
  bool own_group_;
  bool dies_with_parent_;
  const Fd* error_output_;
  const Streams* streams_;
  const ListenFds& handover_;
  std::vector<char*> argv_;
  std::vector<char*> environment_;
};

Result<pid_t> start(std::vector<std::string> argv, SpawnOptions options, const Streams* streams) {
  if (argv.empty()) {
    return Error("start a program without a name", ENOENT);
  }
  auto program = find_program(argv.front());
  if (!program) {
    return Error("start " + argv.front(), program.error().code());
  }
  const ListenFds handover = TRY(ListenFds::prepare(options.sockets));
  if (!handover.is_empty()) {
    options.environment = options.environment ? options.environment : our_environment();
    handover.announce_in(*options.environment);
  }
  const Preparation preparation(argv, options, streams, handover);
  std::error_code failure;
  bp::child child(bp::exe = *program, preparation, failure);
  if (failure) {
    return Error("start " + argv.front(), failure.value());
  }
  const pid_t pid = child.id();
  child.detach(); // or its destructor would kill the daemon
  return pid;
}

using Deadline = std::optional<std::chrono::steady_clock::time_point>;

// In milliseconds, as poll(2) takes it.
int left_until(Deadline deadline) {
  using std::chrono::milliseconds;
  const auto left = [&] {
    return std::chrono::ceil<milliseconds>(*deadline - std::chrono::steady_clock::now()).count();
  };
  return deadline ? static_cast<int>(std::clamp<long>(left(), 0, 1'000'000)) : -1;
}

// Reads until every writer is gone or the process behind `ended` is: a helper
// that leaves a daemon behind must not keep us for the daemon's lifetime.
Result<std::string> collect(const Fd& output, const Fd& ended, Deadline deadline) {
  std::string text;
  std::array<std::byte, 4096> chunk;
  for (;;) {
    std::array<pollfd, 2> polled = {{{output.get(), POLLIN, 0}, {ended.get(), POLLIN, 0}}};
    const int ready = ::poll(polled.data(), polled.size(), left_until(deadline));
    if (ready == -1 && errno != EINTR) {
      return errno_error("poll");
    }
    if (ready == 0) {
      return Error("wait for it", ETIMEDOUT);
    }
    if (ready == -1) {
      continue;
    }
    if (polled[0].revents == 0) {
      return text;
    }
    const std::size_t got = TRY(read_some(output, chunk));
    if (got == 0) {
      return text;
    }
    const std::size_t room = kOutputLimit - text.size();
    text.append(reinterpret_cast<const char*>(chunk.data()), std::min(got, room));
  }
}

Result<ExitStatus> wait_for(pid_t pid) {
  int raw = 0;
  while (::waitpid(pid, &raw, 0) == -1) {
    if (errno != EINTR) {
      return errno_error("wait for process {}", pid);
    }
  }
  return ExitStatus::from_wait(raw);
}

} // namespace

ExitStatus ExitStatus::from_wait(int raw) {
  return {WIFSIGNALED(raw) ? kSignalBase + WTERMSIG(raw) : WEXITSTATUS(raw)};
}

Result<std::string> find_program(const std::string& name, const char* path) {
  if (name.find('/') != std::string::npos) {
    return name;
  }
  std::string_view rest = path ? path : "/usr/local/bin:/usr/bin:/bin";
  int code = ENOENT;
  while (!name.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::string dir(rest.substr(0, end));
    const std::string candidate = (dir.empty() ? "." : dir) + "/" + name;
    struct stat found {};
    if (::stat(candidate.c_str(), &found) == 0 && S_ISREG(found.st_mode)) {
      if (::access(candidate.c_str(), X_OK) == 0) {
        return candidate;
      }
      code = EACCES;
    }
    if (end == rest.size()) {
      break;
    }
    rest.remove_prefix(end + 1);
  }
  return Error("find " + name, code);
}

Result<pid_t> spawn(const std::vector<std::string>& argv, const SpawnOptions& options) {
  return start(argv, options, nullptr);
}

int exit_code_for(const Error& not_started) {
  return not_started.is(std::errc::no_such_file_or_directory) ? 127 : 126;
}

Result<Finished> run(const std::vector<std::string>& argv,
                     std::optional<std::chrono::seconds> patience) {
  const Deadline deadline =
      patience ? Deadline(std::chrono::steady_clock::now() + *patience) : std::nullopt;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) == -1) {
    return errno_error("make a pipe");
  }
  const Fd output(ends[0]);
  Streams streams;
  streams.output = Fd(ends[1]);
  streams.input = TRY(open_path("/dev/null", O_RDONLY));
  SpawnOptions options;
  ::sigemptyset(&options.mask);
  options.own_group = false; // Ctrl-C on a boot ends its helpers too

  // Before it does something that would have to be undone.
  if (!Fd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)))) {
    return errno_error("run {}: the system call pidfd_open", argv.front());
  }
  const pid_t pid = TRY(start(argv, options, &streams));
  streams = {}; // our copy of the writing end would keep the pipe open
  const Fd ended(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  auto text = ended ? collect(output, ended, deadline) : errno_error("watch process {}", pid);
  if (!text && text.error().is(std::errc::timed_out)) {
    ::kill(pid, SIGKILL);
  }
  const ExitStatus status = TRY(wait_for(pid));
  const std::string collected = TRY(std::move(text).within(argv.front()));
  return Finished{status, collected};
}

} // namespace dind::sys
