#include <init/reaper.hpp>
#include <support/child.hpp>
#include <support/expect.hpp>

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

namespace dind::init {
namespace {

using test::exit_code_of;
using test::fork_into;
using test::holds_in_child;
using test::Pipe;
using test::wait_until_zombie;

bool has_children() {
  return !(::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD);
}

TEST(ReapAllTest, ReturnsHowMainEnded) {
  const pid_t main = fork_into([] { return 42; });
  wait_until_zombie(main);
  const auto ended = reap_all(main);
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->code, 42);
}

TEST(ReapAllTest, GoesOnAfterMainUntilNobodyIsLeft) {
  std::vector<pid_t> others;
  const pid_t main = fork_into([] { return 3; });
  for (int i = 0; i < 20; ++i) {
    others.push_back(fork_into([] { return 0; }));
  }
  wait_until_zombie(main);
  for (const pid_t other : others) {
    wait_until_zombie(other);
  }
  const auto ended = reap_all(main);
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->code, 3);
  EXPECT_FALSE(has_children());
}

TEST(ReapAllTest, DoesNotWaitForTheLiving) {
  const Pipe go;
  const pid_t main = fork_into([&] { return go.receive(); });
  const pid_t other = fork_into([] { return 9; });
  wait_until_zombie(other);
  EXPECT_EQ(reap_all(main), std::nullopt);
  EXPECT_EQ(::kill(other, 0), -1); // reaped all the same
  go.send(7);
  EXPECT_EQ(exit_code_of(main), 7);
}

TEST(ReapAllTest, HasNothingToSayWithoutChildren) {
  EXPECT_EQ(reap_all(::getpid()), std::nullopt);
}

TEST(AdoptOrphansTest, ReapsAHundredOrphansAsASubreaper) {
  EXPECT_TRUE(holds_in_child([] {
    adopt_orphans();
    const Pipe go;
    for (int i = 0; i < 100; ++i) {
      const pid_t parent = fork_into([&] {
        fork_into([&] { return go.receive(); });
        return 0;
      });
      ASSERT_EQ(exit_code_of(parent), 0);
    }
    for (int i = 0; i < 100; ++i) {
      go.send(i);
    }
    siginfo_t info{};
    int reaped = 0;
    // Every orphan has become a child of ours, or this would end at once.
    while (::waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) == 0) {
      EXPECT_EQ(reap_all(::getpid()), std::nullopt);
      ASSERT_EQ(::kill(info.si_pid, 0), -1);
      ++reaped;
    }
    EXPECT_GE(reaped, 1);
    EXPECT_FALSE(has_children());
  }));
}

} // namespace
} // namespace dind::init
