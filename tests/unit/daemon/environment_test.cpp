#include <daemon/environment.hpp>

#include <gtest/gtest.h>

namespace dind::daemon {
namespace {

TEST(EnvironmentTest, GivesDockerdWhatIsNotOurs) {
  const Environment inherited = {"PATH=/bin",         "DIND_SEED=link",    "DIND_MTU=1400",
                                 "DIND_COMMIT=abc",   "DOCKER_DRIVER=vfs", "DOCKER_HOST=unix:///x",
                                 "NOTIFY_SOCKET=/n",  "LISTEN_FDS=1",      "LISTEN_PID=1",
                                 "DIND_SEEDLING=yes", "container=podman",  "HTTP_PROXY=a=b"};
  EXPECT_EQ(
      daemon_environment(inherited, "/run/dind-init/notify"),
      (Environment{"PATH=/bin", "DIND_COMMIT=abc", "DOCKER_HOST=unix:///x", "DIND_SEEDLING=yes",
                   "HTTP_PROXY=a=b", "container=docker", "NOTIFY_SOCKET=/run/dind-init/notify"}));
}

TEST(EnvironmentTest, HasNoNotifySocketWithoutOne) {
  EXPECT_EQ(daemon_environment(Environment{"NOTIFY_SOCKET=/n"}, ""),
            Environment{"container=docker"});
}

} // namespace
} // namespace dind::daemon
