#include <daemon/environment.hpp>

#include <gtest/gtest.h>

#include <algorithm>

namespace dind::daemon {
namespace {

TEST(EnvironmentTest, TakesEmptyForUnset) {
  const Environment environment = {"A=1", "B=", "AB=2"};
  EXPECT_EQ(find_variable(environment, "A"), "1");
  EXPECT_EQ(find_variable(environment, "B"), std::nullopt);
  EXPECT_EQ(find_variable(environment, "C"), std::nullopt);
}

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

TEST(EnvironmentTest, ListsOurVariablesOnceInOrder) {
  const auto ours = our_variables();
  EXPECT_TRUE(
      std::is_sorted(ours.begin(), ours.end(), [](const auto& a, const auto& b) { return a < b; }));
  EXPECT_EQ(std::adjacent_find(ours.begin(), ours.end(),
                               [](const auto& a, const auto& b) { return a == b; }),
            ours.end());
}

TEST(EnvironmentTest, TellsSetFromNotEmpty) {
  const std::vector<std::string> environment = {"EMPTY=", "FULL=x"};
  EXPECT_TRUE(is_set(environment, "EMPTY"));
  EXPECT_TRUE(is_set(environment, "FULL"));
  EXPECT_FALSE(is_set(environment, "FUL"));
  EXPECT_FALSE(find_variable(environment, "EMPTY"));
}

TEST(EnvironmentTest, PutsAFolderFirstInThePath) {
  EXPECT_EQ(with_path_prefix({"A=b", "PATH=/bin:/sbin"}, "/legacy"),
            (Environment{"A=b", "PATH=/legacy:/bin:/sbin"}));
  EXPECT_EQ(with_path_prefix({}, "/legacy"), Environment{"PATH=/legacy"});
}

} // namespace
} // namespace dind::daemon
