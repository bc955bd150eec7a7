#include <init/reaper.hpp>
#include <init/supervisor.hpp>
#include <support/child.hpp>
#include <support/expect.hpp>
#include <sys/spawn.hpp>

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace dind::init {
namespace {

using test::exit_code_of;
using test::fork_into_pid1;
using test::Pipe;

// Keeps what `start` starts, which counts as ready at once.
int supervise(const SignalSource& signals, const std::function<Result<pid_t>()>& start) {
  Supervisor* self = nullptr;
  Service service;
  service.start = [&] {
    self->ready();
    return start();
  };
  Supervisor supervisor(signals, {}, service);
  self = &supervisor;
  return supervisor.run();
}

// What the entry point does, as PID 1 of a namespace of its own. `started`
// hears the moment in which the program runs and everything is set up.
pid_t start_pid1(const std::vector<std::string>& argv, const Pipe& started) {
  return fork_into_pid1([&] {
    const auto signals = SignalSource::open();
    if (!signals || ::getpid() != 1) {
      return 71;
    }
    adopt_orphans();
    return supervise(*signals, [&]() -> Result<pid_t> {
      const pid_t main = TRY(sys::spawn(argv, {.mask = signals->original_mask()}));
      started.send();
      return main;
    });
  });
}

class Pid1Test : public testing::Test {
protected:
  void SetUp() override { NEEDS(::geteuid() == 0, "root"); }

  // Ends with what `script` makes of it; for scripts that end by themselves.
  static int run(const std::string& script) {
    const Pipe started;
    return exit_code_of(start_pid1({"sh", "-c", script}, started));
  }
};

TEST_F(Pid1Test, KeepsTheExitCode) {
  for (const int code : {0, 1, 77, 128, 255}) {
    EXPECT_EQ(run("exit " + std::to_string(code)), code);
  }
}

TEST_F(Pid1Test, SaysWhichSignalKilledMain) {
  EXPECT_EQ(run("kill -KILL $$"), 137);
  EXPECT_EQ(run("kill -TERM $$"), 143);
}

TEST_F(Pid1Test, SaysThatThereIsNoSuchProgram) {
  const Pipe started;
  EXPECT_EQ(exit_code_of(start_pid1({"no-such-program"}, started)), 127);
  EXPECT_EQ(exit_code_of(start_pid1({"/etc/passwd"}, started)), 126);
}

TEST_F(Pid1Test, AStopFromOutsideReachesMain) {
  for (const int signal : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1}) {
    const Pipe started;
    const pid_t pid1 = start_pid1({"sleep", "1000"}, started);
    ASSERT_EQ(started.receive(), 0);
    ASSERT_EQ(::kill(pid1, signal), 0);
    EXPECT_EQ(exit_code_of(pid1), 128 + signal);
  }
}

TEST_F(Pid1Test, AStopFromInsideReachesMainToo) {
  // The kernel drops signals to a PID 1 that merely left them at their default.
  EXPECT_EQ(run("trap 'exit 9' TERM; kill -TERM 1; sleep 1000 & wait"), 9);
}

TEST_F(Pid1Test, TakesTheRestAlongWhenItEnds) {
  Pipe alive;
  const pid_t pid1 = fork_into_pid1([&] {
    const auto signals = SignalSource::open();
    return supervise(*signals, []() -> Result<pid_t> {
      return test::fork_into([] {
        test::fork_into([] { return ::pause(); }); // holds `alive` open until it dies
        return 4;
      });
    });
  });
  EXPECT_EQ(exit_code_of(pid1), 4);
  alive.writer = Fd();
  EXPECT_EQ(alive.receive(), -1);
}

TEST_F(Pid1Test, ReapsOrphansWithoutBeingASubreaper) {
  const pid_t pid1 = fork_into_pid1([] {
    const auto signals = SignalSource::open();
    adopt_orphans();
    const auto start = []() -> Result<pid_t> { return test::fork_into(test::leave_an_orphan); };
    if (!signals || supervise(*signals, start) != 0) {
      return 71;
    }
    return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD ? 0 : 1;
  });
  EXPECT_EQ(exit_code_of(pid1), 0);
}

TEST_F(Pid1Test, SeesAStopThatCameBeforeMain) {
  const Pipe ready;
  const Pipe go;
  const pid_t pid1 = fork_into_pid1([&] {
    const auto signals = SignalSource::open();
    if (!signals || SignalSource::pending_stop()) {
      return 71;
    }
    ready.send();
    go.receive(); // a stage of the boot
    return 128 + SignalSource::pending_stop().value_or(0);
  });
  ASSERT_EQ(ready.receive(), 0);
  ASSERT_EQ(::kill(pid1, SIGTERM), 0);
  go.send();
  EXPECT_EQ(exit_code_of(pid1), 143);
}

} // namespace
} // namespace dind::init
