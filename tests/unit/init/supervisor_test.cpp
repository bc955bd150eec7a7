#include <init/reaper.hpp>
#include <init/supervisor.hpp>
#include <support/child.hpp>
#include <support/expect.hpp>

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
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

// Forks a process that supervises `body`, as the entry point does.
pid_t fork_supervised(const std::function<int()>& body) {
  return fork_into([&] {
    const auto signals = SignalSource::open();
    if (!signals) {
      return 71;
    }
    adopt_orphans();
    return supervise(fork_into(body), *signals, {});
  });
}

TEST(SuperviseTest, EndsAsMainEnds) {
  for (const int code : {0, 1, 2, 42, 125, 126, 127, 128, 143, 254, 255}) {
    EXPECT_EQ(exit_code_of(fork_supervised([code] { return code; })), code);
  }
}

TEST(SuperviseTest, SaysWhichSignalKilledMain) {
  for (const int signal : {SIGKILL, SIGSEGV, SIGABRT}) {
    const pid_t init = fork_supervised([signal] {
      ::signal(signal, SIG_DFL); // sanitizers would make an exit of it
      return ::kill(::getpid(), signal);
    });
    EXPECT_EQ(exit_code_of(init), 128 + signal);
  }
}

TEST(SuperviseTest, ForwardsEverySignalExactlyOnce) {
  const Pipe report;
  const pid_t init = fork_supervised([&] { return record_signals(report); });
  ASSERT_EQ(report.receive(), kStarted);
  // Two of one ordinary signal would merge while pending; of real-time ones, none gets lost.
  const std::vector<int> sent = {SIGRTMIN + 1, SIGHUP,   SIGINT,  SIGQUIT, SIGUSR1,
                                 SIGRTMIN + 3, SIGUSR2,  SIGALRM, SIGCONT, SIGPIPE,
                                 SIGWINCH,     SIGRTMAX, SIGTERM};
  for (const int signal : sent) {
    ASSERT_EQ(::kill(init, signal), 0);
    ASSERT_EQ(report.receive(), signal);
  }
  EXPECT_EQ(exit_code_of(init), kEnough);
}

TEST(SuperviseTest, KeepsWhatItDidToItselfToItself) {
  const Pipe report;
  EXPECT_TRUE(holds_in_child([&] {
    const auto signals = SignalSource::open();
    ASSERT_TRUE(ok(signals));
    const pid_t self = ::getpid();
    ::kill(self, SIGPIPE);
    const pid_t main = fork_into([&] { return record_signals(report); });
    const pid_t other = fork_into([&] { return ::kill(self, SIGTERM); });
    EXPECT_GT(other, 0);
    EXPECT_EQ(supervise(main, *signals, {}), kEnough);
  }));
  EXPECT_EQ(report.receive(), kStarted);
  EXPECT_EQ(report.receive(), SIGTERM);
}

TEST(SuperviseTest, ReapsOrphansToo) {
  EXPECT_TRUE(holds_in_child([] {
    const auto signals = SignalSource::open();
    ASSERT_TRUE(ok(signals));
    adopt_orphans();
    EXPECT_EQ(supervise(fork_into(test::leave_an_orphan), *signals, {}), 0);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
  }));
}

TEST(SuperviseTest, ServesAWatchAsOftenAsSomethingArrives) {
  EXPECT_TRUE(holds_in_child([] {
    const auto signals = SignalSource::open();
    ASSERT_TRUE(ok(signals));
    const Pipe news;
    const Pipe go;
    std::vector<int> heard;
    const std::array watches = {Watch{news.reader, [&] {
                                        heard.push_back(news.receive());
                                        if (heard.size() == 3) {
                                          go.send(8);
                                        }
                                      }}};
    const pid_t main = fork_into([&] {
      for (const int word : {1, 2, 3}) {
        news.send(word);
      }
      return go.receive();
    });
    EXPECT_EQ(supervise(main, *signals, watches), 8);
    EXPECT_EQ(heard, (std::vector<int>{1, 2, 3}));
  }));
}

// A loop that spins serves a descriptor at each turn, and takes a turn at least
// for each signal: so the number of turns need not be known, nor waited for.
TEST(SuperviseTest, LetsGoOfAWatchThatHasHungUp) {
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
    const std::array watches = {Watch{ours, [&] {
                                        char byte = 0;
                                        served += ::read(ours.get(), &byte, 1) == 0 ? 1 : 100;
                                      }}};
    const int code =
        supervise(fork_into([&] { return record_signals(report); }), *signals, watches);
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

} // namespace
} // namespace dind::init
