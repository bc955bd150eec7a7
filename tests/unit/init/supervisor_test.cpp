#include <init/reaper.hpp>
#include <init/supervisor.hpp>
#include <support/child.hpp>
#include <support/expect.hpp>
#include <sys/spawn.hpp>

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace dind::init {
namespace {

using test::exit_code_of;
using test::fork_into;
using test::holds_in_child;
using test::ok;
using test::Pipe;

constexpr int kEnough = 100; // what `record_signals` ends with

constexpr int kStarted = 0; // what it reports first

// A main that reports each signal it gets, in order, and ends at SIGTERM. Its
// mask is its parent's, so all of them wait until they are read.
int record_signals(const Pipe& report) {
  report.send(kStarted);
  sigset_t all;
  ::sigfillset(&all);
  for (;;) {
    siginfo_t info{};
    const int signal = ::sigwaitinfo(&all, &info);
    if (signal == SIGCHLD || signal == -1) {
      continue;
    }
    report.send(signal);
    if (signal == SIGTERM) {
      return kEnough;
    }
  }
}

// Supervises `body`, which counts as ready from the start. `prepare` gets the supervisor first.
int supervise(const SignalSource& signals, const std::function<int()>& body,
              const std::function<void(Supervisor&)>& prepare = {}, Policy policy = {}) {
  Supervisor* self = nullptr;
  Service service;
  service.start = [&]() -> Result<pid_t> {
    self->ready();
    return fork_into(body);
  };
  Supervisor supervisor(signals, std::move(policy), service);
  self = &supervisor;
  if (prepare) {
    prepare(supervisor);
  }
  return supervisor.run();
}

// Forks a process that does so, as the entry point does.
pid_t fork_supervised(const std::function<int()>& body,
                      const std::function<void(Supervisor&)>& prepare = {},
                      const Policy& policy = {}) {
  return fork_into([&] {
    const auto signals = SignalSource::open();
    if (!signals) {
      return 71;
    }
    adopt_orphans();
    return supervise(*signals, body, prepare, policy);
  });
}

TEST(SupervisorTest, EndsAsMainEnds) {
  for (const int code : {0, 1, 2, 42, 125, 126, 127, 128, 143, 254, 255}) {
    EXPECT_EQ(exit_code_of(fork_supervised([code] { return code; })), code);
  }
}

TEST(SupervisorTest, SaysWhichSignalKilledMain) {
  for (const int signal : {SIGKILL, SIGSEGV, SIGABRT}) {
    const pid_t init = fork_supervised([signal] {
      ::signal(signal, SIG_DFL); // sanitizers would make an exit of it
      return ::kill(::getpid(), signal);
    });
    EXPECT_EQ(exit_code_of(init), 128 + signal);
  }
}

TEST(SupervisorTest, ForwardsEverySignalExactlyOnce) {
  const Pipe report;
  const pid_t init = fork_supervised([&] { return record_signals(report); });
  ASSERT_EQ(report.receive(), kStarted);
  // Two of one ordinary signal would merge while pending; of real-time ones, none gets lost.
  const std::vector<int> sent = {SIGRTMIN + 1, SIGHUP,  SIGQUIT, SIGUSR1,  SIGRTMIN + 3, SIGUSR2,
                                 SIGALRM,      SIGCONT, SIGPIPE, SIGWINCH, SIGRTMAX,     SIGTERM};
  for (const int signal : sent) {
    ASSERT_EQ(::kill(init, signal), 0);
    ASSERT_EQ(report.receive(), signal);
  }
  EXPECT_EQ(exit_code_of(init), kEnough);
}

TEST(SupervisorTest, KeepsWhatItDidToItselfToItself) {
  const Pipe report;
  EXPECT_TRUE(holds_in_child([&] {
    const auto signals = SignalSource::open();
    ASSERT_TRUE(ok(signals));
    const pid_t self = ::getpid();
    ::kill(self, SIGPIPE);
    EXPECT_EQ(supervise(*signals,
                        [&] {
                          fork_into([self] { return ::kill(self, SIGTERM); });
                          return record_signals(report);
                        }),
              kEnough);
  }));
  EXPECT_EQ(report.receive(), kStarted);
  EXPECT_EQ(report.receive(), SIGTERM);
}

TEST(SupervisorTest, ReapsOrphansToo) {
  EXPECT_TRUE(holds_in_child([] {
    const auto signals = SignalSource::open();
    ASSERT_TRUE(ok(signals));
    adopt_orphans();
    EXPECT_EQ(supervise(*signals, test::leave_an_orphan), 0);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
  }));
}

TEST(SupervisorTest, ServesAWatchAsOftenAsSomethingArrives) {
  EXPECT_TRUE(holds_in_child([] {
    const auto signals = SignalSource::open();
    ASSERT_TRUE(ok(signals));
    const Pipe news;
    const Pipe go;
    std::vector<int> heard;
    const auto listen = [&](Supervisor& supervisor) {
      supervisor.watch(news.reader, [&] {
        heard.push_back(news.receive());
        if (heard.size() == 3) {
          go.send(8);
        }
      });
    };
    const auto main = [&] {
      for (const int word : {1, 2, 3}) {
        news.send(word);
      }
      return go.receive();
    };
    EXPECT_EQ(supervise(*signals, main, listen), 8);
    EXPECT_EQ(heard, (std::vector<int>{1, 2, 3}));
  }));
}

// A loop that spins serves a descriptor at each turn, and takes a turn at least
// for each signal: so the number of turns need not be known, nor waited for.
TEST(SupervisorTest, LetsGoOfAWatchThatHasHungUp) {
  const Pipe report;
  const Pipe calls;
  const pid_t init = fork_into([&] {
    const auto signals = SignalSource::open();
    std::array<int, 2> ends{};
    if (!signals || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == -1) {
      return 71;
    }
    const Fd ours(ends[0]);
    const Fd theirs(ends[1]);
    ::shutdown(theirs.get(), SHUT_WR); // from now on `ours` is readable, and empty
    int served = 0;
    const auto listen = [&](Supervisor& supervisor) {
      supervisor.watch(ours, [&] {
        char byte = 0;
        served += ::read(ours.get(), &byte, 1) == 0 ? 1 : 100;
      });
    };
    const int code = supervise(
        *signals, [&] { return record_signals(report); }, listen);
    calls.send(std::min(served, 255)); // it is a byte
    return code;
  });
  ASSERT_EQ(report.receive(), kStarted);
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(::kill(init, SIGUSR1), 0);
    ASSERT_EQ(report.receive(), SIGUSR1);
  }
  ::kill(init, SIGTERM);
  EXPECT_EQ(exit_code_of(init), kEnough);
  EXPECT_EQ(calls.receive(), 1);
}

TEST(SupervisorTest, HearsWhatAnTaskFoundOut) {
  const Pipe go;
  const auto ask = [&](Supervisor& supervisor) {
    supervisor.run_in_child(
        [] { return std::string(100'000, 'x'); },
        [&](const std::string& answer) { go.send(answer == std::string(100'000, 'x') ? 6 : 1); });
  };
  EXPECT_EQ(exit_code_of(fork_supervised([&] { return go.receive(); }, ask)), 6);
}

TEST(SupervisorTest, HearsNothingOfAnTaskThatDied) {
  const Pipe go;
  const auto ask = [&](Supervisor& supervisor) {
    supervisor.run_in_child(
        []() -> std::string {
          ::kill(::getpid(), SIGKILL);
          return "no";
        },
        [&](const std::string& answer) { go.send(answer.empty() ? 6 : 1); });
  };
  EXPECT_EQ(exit_code_of(fork_supervised([&] { return go.receive(); }, ask)), 6);
}

TEST(SupervisorTest, ATaskWaitsForItsOwnChildren) {
  const Pipe go;
  const auto ask = [&](Supervisor& supervisor) {
    supervisor.run_in_child(
        [] {
          const auto finished = sys::run({"sh", "-c", "exit 3"});
          return finished ? std::to_string(finished->status.code) : "lost";
        },
        [&](const std::string& answer) { go.send(answer == "3" ? 6 : 1); });
  };
  EXPECT_EQ(exit_code_of(fork_supervised([&] { return go.receive(); }, ask)), 6);
}

TEST(SupervisorTest, AnTaskThatIsCalledOffIsKilledAndSaysNothing) {
  const Pipe go;
  const auto ask = [&](Supervisor& supervisor) {
    const pid_t task = supervisor.run_in_child(
        [&] {
          ::pause();
          return std::string();
        },
        [&](const std::string&) { go.send(1); });
    supervisor.cancel(task);
    supervisor.run_in_child([] { return std::string("next"); },
                            [&](const std::string&) { go.send(6); });
  };
  EXPECT_EQ(exit_code_of(fork_supervised([&] { return go.receive(); }, ask)), 6);
}

TEST(SupervisorTest, KillsWhatDoesNotStopInTime) {
  const Pipe report;
  Policy policy;
  policy.stop_timeout = std::chrono::milliseconds(50);
  const auto stubborn = [&] {
    report.send(kStarted); // everything is blocked, as for its parent
    return ::pause();
  };
  const pid_t init = fork_supervised(stubborn, {}, policy);
  ASSERT_EQ(report.receive(), kStarted);
  ::kill(init, SIGTERM);
  EXPECT_EQ(exit_code_of(init), 137);
}

TEST(SupervisorTest, AStopBeforeReadyIsToldByTheExitCode) {
  const Pipe report;
  const pid_t init = fork_into([&] {
    const auto signals = SignalSource::open();
    Service service;
    service.start = [&]() -> Result<pid_t> {
      return fork_into([&] { return record_signals(report); });
    };
    Supervisor supervisor(*signals, {}, service);
    return supervisor.run();
  });
  ASSERT_EQ(report.receive(), kStarted);
  ::kill(init, SIGTERM);
  EXPECT_EQ(exit_code_of(init), 143);
}

TEST(SupervisorTest, StartsNothingAfterAStop) {
  Pipe starts;
  EXPECT_TRUE(holds_in_child([&] {
    const auto signals = SignalSource::open();
    ASSERT_TRUE(ok(signals));
    ::raise(SIGTERM);
    EXPECT_EQ(supervise(*signals, [&] { return record_signals(starts); }), 143);
  }));
  starts.writer = Fd();
  EXPECT_EQ(starts.receive(), -1);
}

TEST(SupervisorTest, EndsWithTheCodeOfWhatFinishedIt) {
  const Pipe report;
  const Pipe go;
  const auto finish_on_go = [&](Supervisor& supervisor) {
    supervisor.watch(go.reader, [&] {
      go.receive();
      supervisor.finish(7, "the job is done");
    });
  };
  const pid_t init = fork_supervised([&] { return record_signals(report); }, finish_on_go);
  ASSERT_EQ(report.receive(), kStarted);
  go.send();
  EXPECT_EQ(report.receive(), SIGTERM);
  EXPECT_EQ(exit_code_of(init), 7);
}

// Long before the time to drain is over.
TEST(SupervisorTest, StopsADrainedServiceWhenItIsIdle) {
  const Pipe report;
  const Pipe drained;
  const pid_t init = fork_into([&] {
    const auto signals = SignalSource::open();
    Supervisor* self = nullptr;
    Service service;
    service.start = [&]() -> Result<pid_t> {
      self->ready();
      return fork_into([&] { return record_signals(report); });
    };
    service.drain = [&] { drained.send(); };
    Supervisor supervisor(*signals, {.drain = std::chrono::hours(1)}, service);
    self = &supervisor;
    supervisor.watch(drained.reader, [&] {
      drained.receive();
      supervisor.idle("no container");
    });
    return supervisor.run();
  });
  ASSERT_EQ(report.receive(), kStarted);
  ::kill(init, SIGTERM);
  EXPECT_EQ(report.receive(), SIGTERM);
  EXPECT_EQ(exit_code_of(init), kEnough);
}

TEST(SupervisorTest, StartsAgainWhatFailed) {
  const Pipe starts;
  Policy policy;
  policy.restart = true;
  policy.most_restarts = 2;
  const auto fail = [&] {
    starts.send(7);
    return 9;
  };
  EXPECT_EQ(exit_code_of(fork_supervised(fail, {}, policy)), 9);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(starts.receive(), 7);
  }
}

TEST(SupervisorTest, AProgramThatCannotBeStartedHasTheShellsExitCode) {
  const pid_t init = fork_into([] {
    const auto signals = SignalSource::open();
    Service service;
    service.start = [&] {
      return sys::spawn({"no-such-program"}, {.mask = signals->original_mask()});
    };
    Supervisor supervisor(*signals, {}, service);
    return supervisor.run();
  });
  EXPECT_EQ(exit_code_of(init), 127);
}

// Children that nobody has waited for become ours, dead, when their parent ends.
TEST(SupervisorTest, ReapsThousandsOfOrphansAtOnce) {
  EXPECT_TRUE(holds_in_child([] {
    const auto signals = SignalSource::open();
    ASSERT_TRUE(ok(signals));
    adopt_orphans();
    const auto main = [] {
      return exit_code_of(fork_into([] {
        for (int i = 0; i < 2'000; ++i) {
          if (::fork() == 0) {
            ::_exit(0);
          }
        }
        return 0;
      }));
    };
    EXPECT_EQ(supervise(*signals, main), 0);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a zombie is left";
  }));
}

} // namespace
} // namespace dind::init
