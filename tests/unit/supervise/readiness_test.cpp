#include <supervise/readiness.hpp>

#include <daemon/notify.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

namespace dind::supervise {
namespace {

TEST(ReadinessTest, IsAFileThatIsThereOnlyWhileReady) {
  const test::TempDir run;
  run.write("ready", "of an earlier start");
  const Readiness readiness((run / "ready").native(), {});
  EXPECT_FALSE(run.has("ready"));
  readiness.ready();
  EXPECT_TRUE(run.has("ready"));
  readiness.stopping();
  EXPECT_FALSE(run.has("ready"));
  readiness.stopping(); // twice is once
}

TEST(ReadinessTest, IsPassedOnToTheSupervisor) {
  const test::TempDir run;
  const auto socket = daemon::NotifySocket::open(run.path());
  ASSERT_TRUE(test::ok(socket));
  const std::vector<std::string> environment = {"NOTIFY_SOCKET=" + socket->path().native()};
  const Readiness readiness("", environment);
  readiness.ready();
  const auto ready = socket->receive(::getpid());
  ASSERT_TRUE(test::ok(ready));
  EXPECT_TRUE(ready->ready);
  EXPECT_FALSE(ready->stopping);
  readiness.stopping();
  EXPECT_TRUE(socket->receive(::getpid())->stopping);
}

} // namespace
} // namespace dind::supervise
