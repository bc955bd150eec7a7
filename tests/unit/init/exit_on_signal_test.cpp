#include <init/exit_on_signal.hpp>
#include <init/signals.hpp>
#include <support/child.hpp>
#include <support/expect.hpp>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

namespace dind::init {
namespace {

using test::exit_code_of;
using test::fork_into;
using test::holds_in_child;
using test::ok;
using test::Pipe;

TEST(ExitOnSignalTest, EndsAProcessThatIsBusyInAllOfItsThreads) {
  for (const int stop : {SIGTERM, SIGINT, SIGQUIT}) {
    const Pipe busy;
    const pid_t child = fork_into([&] {
      const auto signals = SignalSource::open();
      const auto at_once = ExitOnSignal::begin();
      std::thread other([] { ::pause(); });
      busy.send();
      for (;;) { // with calls, as the thread sanitizer hands signals on in those alone
        ::close(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      }
      return 0;
    });
    ASSERT_EQ(busy.receive(), 0);
    ASSERT_EQ(::kill(child, stop), 0);
    EXPECT_EQ(exit_code_of(child), 128 + stop);
  }
}

TEST(ExitOnSignalTest, TakesAStopThatCameBefore) {
  const pid_t child = fork_into([] {
    const auto signals = SignalSource::open();
    ::raise(SIGTERM);
    const auto at_once = ExitOnSignal::begin();
    return 0;
  });
  EXPECT_EQ(exit_code_of(child), 143);
}

TEST(ExitOnSignalTest, EndsWithTheCodeThatItIsTold) {
  const pid_t child = fork_into([] {
    const auto signals = SignalSource::open();
    ::raise(SIGINT);
    const auto at_once = ExitOnSignal::begin([](int code) { return code == 130 ? 7 : code; });
    return 0;
  });
  EXPECT_EQ(exit_code_of(child), 7);
}

TEST(ExitOnSignalTest, LeavesSignalsToBeReadAfterwardsAndOthersMeanwhile) {
  EXPECT_TRUE(holds_in_child([] {
    const auto signals = SignalSource::open();
    {
      const auto at_once = ExitOnSignal::begin();
      ASSERT_TRUE(ok(at_once));
      ::raise(SIGHUP);
    }
    EXPECT_EQ(signals->next()->number, SIGHUP);
    ::raise(SIGTERM);
    EXPECT_EQ(SignalSource::pending_stop(), SIGTERM);
    EXPECT_EQ(signals->next()->number, SIGTERM);
  }));
}

} // namespace
} // namespace dind::init
