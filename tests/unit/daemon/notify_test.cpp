#include <daemon/notify.hpp>

#include <support/child.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace dind::daemon {
namespace {

using test::fails_with;
using test::ok;

// As a daemon sends it: no credentials of its own, so that the kernel fills them in.
bool send_to(const fs::path& path, std::string_view message) {
  const Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(&address.sun_path, path.c_str(), path.size());
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  const ssize_t sent =
      ::sendto(fd.get(), message.data(), message.size(), 0, generic, sizeof address);
  return sent == static_cast<ssize_t>(message.size());
}

TEST(NotificationTest, IsReadLineByLine) {
  EXPECT_TRUE(parse_notification("STATUS=up\nREADY=1\nMAINPID=7").ready);
  EXPECT_TRUE(parse_notification("STOPPING=1").stopping);
  EXPECT_TRUE(parse_notification("RELOADING=1\n").reloading);
  EXPECT_FALSE(parse_notification("READY=10\nNOTREADY=1\nREADY=0").ready);
  EXPECT_FALSE(parse_notification("").ready);
}

TEST(NotifySocketTest, BelievesTheDaemon) {
  const test::TempDir run;
  const auto socket = NotifySocket::open(run.path());
  ASSERT_TRUE(ok(socket));
  const pid_t child = test::fork_into([&] { return send_to(socket->path(), "READY=1") ? 0 : 1; });
  ASSERT_EQ(test::exit_code_of(child), 0);
  const auto said = socket->receive(child);
  ASSERT_TRUE(ok(said));
  EXPECT_TRUE(said->ready);
}

TEST(NotifySocketTest, DropsWhatOthersSay) {
  const test::TempDir run;
  const auto socket = NotifySocket::open(run.path());
  ASSERT_TRUE(ok(socket));
  const pid_t child = test::fork_into([&] { return send_to(socket->path(), "READY=1") ? 0 : 1; });
  ASSERT_EQ(test::exit_code_of(child), 0);
  const auto said = socket->receive(::getpid());
  ASSERT_TRUE(ok(said));
  EXPECT_FALSE(said->ready);
}

TEST(NotifySocketTest, TakesAllMessagesAtOnce) {
  const test::TempDir run;
  const auto socket = NotifySocket::open(run.path());
  ASSERT_TRUE(ok(socket));
  ASSERT_TRUE(send_to(socket->path(), "READY=1"));
  ASSERT_TRUE(send_to(socket->path(), ""));
  ASSERT_TRUE(send_to(socket->path(), "STOPPING=1"));
  const auto said = socket->receive(::getpid());
  ASSERT_TRUE(ok(said));
  EXPECT_TRUE(said->ready);
  EXPECT_TRUE(said->stopping);
  const auto nothing = socket->receive(::getpid());
  ASSERT_TRUE(ok(nothing));
  EXPECT_FALSE(nothing->ready);
}

TEST(NotifySocketTest, IsForTheOwnerAlone) {
  const test::TempDir run;
  const auto socket = NotifySocket::open(run.path());
  ASSERT_TRUE(ok(socket));
  EXPECT_EQ(test::stat_of(socket->path()).st_mode & 07777U, 0600U);
}

TEST(NotifySocketTest, TakesThePlaceOfAnOlderOneAndLeavesNothing) {
  const test::TempDir run;
  run.write("notify", "left over");
  {
    const auto socket = NotifySocket::open(run.path());
    ASSERT_TRUE(ok(socket));
    EXPECT_TRUE(send_to(socket->path(), "READY=1"));
  }
  EXPECT_FALSE(run.has("notify"));
}

TEST(NotifySocketTest, RefusesAPathThatNoAddressHolds) {
  const test::TempDir run;
  EXPECT_TRUE(fails_with(ENAMETOOLONG, NotifySocket::open(run.make_dir(std::string(120, 'x')))));
}

TEST(SendNotificationTest, ReachesASocketByItsPath) {
  const test::TempDir run;
  const auto socket = NotifySocket::open(run.path());
  ASSERT_TRUE(ok(socket));
  ASSERT_TRUE(ok(send_notification(socket->path().native(), "READY=1")));
  const auto said = socket->receive(::getpid());
  ASSERT_TRUE(ok(said));
  EXPECT_TRUE(said->ready);
}

TEST(SendNotificationTest, SaysThatNobodyListens) {
  EXPECT_FALSE(send_notification("/nowhere/notify", "READY=1"));
  EXPECT_FALSE(send_notification("@nobody-has-this-name", "READY=1"));
  EXPECT_FALSE(send_notification("", "READY=1"));
}

} // namespace
} // namespace dind::daemon
