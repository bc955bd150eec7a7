#include <init/signals.hpp>
#include <support/child.hpp>
#include <support/expect.hpp>

#include <signal.h>
#include <unistd.h>

namespace dind::init {
namespace {

using test::exit_code_of;
using test::fork_into;
using test::holds_in_child;
using test::ok;

bool is_blocked(int signal) {
  sigset_t mask;
  ::sigprocmask(SIG_SETMASK, nullptr, &mask);
  return ::sigismember(&mask, signal) == 1;
}

TEST(SignalSourceTest, HoldsBackWhatCanBeForwardedAndNoFault) {
  EXPECT_TRUE(holds_in_child([] {
    const auto signals = SignalSource::open();
    ASSERT_TRUE(ok(signals));
    for (const int held : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD,
                           SIGPIPE, SIGTSTP, SIGCONT, SIGTTIN, SIGTTOU, SIGRTMIN + 3}) {
      EXPECT_TRUE(is_blocked(held)) << held;
    }
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) {
      EXPECT_FALSE(is_blocked(fault)) << fault;
    }
  }));
}

TEST(SignalSourceTest, KeepsTheMaskThatWas) {
  EXPECT_TRUE(holds_in_child([] {
    sigset_t before;
    ::sigemptyset(&before);
    ::sigaddset(&before, SIGUSR2);
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    const auto signals = SignalSource::open();
    ASSERT_TRUE(ok(signals));
    EXPECT_EQ(::sigismember(&signals->original_mask(), SIGUSR2), 1);
    EXPECT_EQ(::sigismember(&signals->original_mask(), SIGTERM), 0);
  }));
}

TEST(SignalSourceTest, SaysWhichSignalCameAndFromWhom) {
  EXPECT_TRUE(holds_in_child([] {
    const auto signals = SignalSource::open();
    ASSERT_TRUE(ok(signals));
    const pid_t parent = ::getpid();
    const pid_t sender = fork_into([&] { return ::kill(parent, SIGUSR1); });
    const auto signal = signals->next();
    ASSERT_TRUE(ok(signal));
    EXPECT_EQ(signal->number, SIGUSR1);
    EXPECT_EQ(signal->sender, sender);
    EXPECT_EQ(exit_code_of(sender), 0);
  }));
}

TEST(SignalSourceTest, DoesNotReportSignalsOfTheTerminalThatStop) {
  EXPECT_TRUE(holds_in_child([] {
    const auto signals = SignalSource::open();
    ASSERT_TRUE(ok(signals));
    ::kill(::getpid(), SIGTTIN); // lower numbers are read first
    ::kill(::getpid(), SIGTTOU);
    ::kill(::getpid(), SIGWINCH);
    const auto signal = signals->next();
    ASSERT_TRUE(ok(signal));
    EXPECT_EQ(signal->number, SIGWINCH);
  }));
}

TEST(SignalSourceTest, GetsExitStatusesEvenIfSigchldWasIgnored) {
  EXPECT_TRUE(holds_in_child([] {
    ::signal(SIGCHLD, SIG_IGN);
    ASSERT_TRUE(ok(SignalSource::open()));
    EXPECT_EQ(exit_code_of(fork_into([] { return 5; })), 5);
  }));
}

TEST(SignalSourceTest, ReadsSignalsThatWereIgnored) {
  EXPECT_TRUE(holds_in_child([] {
    ::signal(SIGHUP, SIG_IGN); // as nohup does
    const auto signals = SignalSource::open();
    ASSERT_TRUE(ok(signals));
    ::kill(::getpid(), SIGHUP);
    const auto signal = signals->next();
    ASSERT_TRUE(ok(signal));
    EXPECT_EQ(signal->number, SIGHUP);
  }));
}

TEST(PendingStopTest, SeesEachSignalThatMeansStop) {
  for (const int stop : {SIGTERM, SIGINT, SIGQUIT}) {
    EXPECT_TRUE(holds_in_child([stop] {
      ASSERT_TRUE(ok(SignalSource::open()));
      EXPECT_EQ(SignalSource::pending_stop(), std::nullopt);
      ::kill(::getpid(), stop);
      EXPECT_EQ(SignalSource::pending_stop(), stop);
    }));
  }
}

TEST(PendingStopTest, LeavesTheSignalToBeRead) {
  EXPECT_TRUE(holds_in_child([] {
    const auto signals = SignalSource::open();
    ASSERT_TRUE(ok(signals));
    ::kill(::getpid(), SIGTERM);
    EXPECT_EQ(SignalSource::pending_stop(), SIGTERM);
    EXPECT_EQ(SignalSource::pending_stop(), SIGTERM);
    const auto signal = signals->next();
    ASSERT_TRUE(ok(signal));
    EXPECT_EQ(signal->number, SIGTERM);
    EXPECT_EQ(SignalSource::pending_stop(), std::nullopt);
  }));
}

TEST(PendingStopTest, DoesNotTakeAReloadForAStop) {
  EXPECT_TRUE(holds_in_child([] {
    ASSERT_TRUE(ok(SignalSource::open()));
    ::kill(::getpid(), SIGHUP);
    ::kill(::getpid(), SIGUSR1);
    EXPECT_EQ(SignalSource::pending_stop(), std::nullopt);
  }));
}

} // namespace
} // namespace dind::init
