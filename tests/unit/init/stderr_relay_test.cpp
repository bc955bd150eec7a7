#include <init/stderr_relay.hpp>
#include <support/child.hpp>
#include <support/expect.hpp>

#include <signal.h>
#include <unistd.h>

#include <string>

namespace dind::init {
namespace {

using test::exit_code_of;
using test::fork_into;
using test::ok;
using test::Pipe;

void write_to(const Fd& fd, const std::string& text) {
  ASSERT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

// Passes on what `lines` are to a pipe in the place of standard error, to the end.
std::string passed_on(StderrRelay& relay, const std::string& text) {
  Pipe out;
  const pid_t child = fork_into([&] {
    ::dup2(out.writer.get(), STDERR_FILENO);
    relay.pass_on();
    return 0;
  });
  out.writer = Fd();
  write_to(relay.writer(), text);
  relay.finish();
  EXPECT_EQ(exit_code_of(child), 0);
  std::string got;
  for (int byte = out.receive(); byte != -1; byte = out.receive()) {
    got += static_cast<char>(byte);
  }
  return got;
}

TEST(StderrRelayTest, PassesOnWhatIsSaidAndEndsWithIt) {
  auto relay = StderrRelay::open();
  ASSERT_TRUE(ok(relay));
  EXPECT_EQ(passed_on(*relay, "one\ntwo\nthree"), "one\ntwo\nthree");
}

TEST(StderrRelayTest, RemembersTheLastLines) {
  auto relay = StderrRelay::open();
  ASSERT_TRUE(ok(relay));
  EXPECT_EQ(relay->last_lines(3), "");
  std::string text(20'000, '.');
  text += "\none\n\ntwo\nthree\n";
  passed_on(*relay, text);
  EXPECT_EQ(relay->last_lines(2), "two | three");
  EXPECT_EQ(relay->last_lines(3), "one | two | three");
}

TEST(StderrRelayTest, SurvivesAnOutputThatNobodyReads) {
  auto relay = StderrRelay::open();
  ASSERT_TRUE(ok(relay));
  const pid_t child = fork_into([&] {
    ::signal(SIGPIPE, SIG_IGN); // blocked in a supervisor
    Pipe gone;
    ::dup2(gone.writer.get(), STDERR_FILENO);
    gone.reader = Fd();
    relay->pass_on();
    return 4;
  });
  write_to(relay->writer(), "unheard\n");
  relay->finish();
  EXPECT_EQ(exit_code_of(child), 4);
  EXPECT_EQ(relay->last_lines(1), "unheard");
}

} // namespace
} // namespace dind::init
