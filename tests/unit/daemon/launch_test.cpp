#include <daemon/launch.hpp>

#include <support/expect.hpp>
#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

namespace dind::daemon {
namespace {

using test::fails_saying;
using test::ok;
using Words = std::vector<std::string>;

const ListenerPlan kNoListeners;

ListenerPlan handed_over() {
  ListenerPlan plan;
  plan.moves_hosts = true;
  plan.arguments = {"--host=fd://", "--tls=false"};
  plan.api = "/var/run/docker.sock";
  return plan;
}

// A launch that adds nothing to the file, so that nothing is mounted.
Result<Launch> launch_plain(Words arguments, const ListenerPlan& listeners,
                            const json::object& settings = {}) {
  const Invocation invocation{std::move(arguments), true, {"PATH=/bin"}};
  DaemonFile file;
  file.settings = settings;
  return configure(invocation, parse_command_line(invocation.arguments), file, {}, listeners,
                   "/nowhere", "/n");
}

TEST(LaunchTest, StartsDockerdWithTheListenersThenTheArguments) {
  const auto launch = launch_plain({"--debug", "--mtu", "1400"}, handed_over());
  ASSERT_TRUE(ok(launch));
  EXPECT_EQ(launch->argv,
            (Words{"dockerd", "--host=fd://", "--tls=false", "--debug", "--mtu", "1400"}));
  EXPECT_EQ(launch->environment, (Words{"PATH=/bin", "container=docker", "NOTIFY_SOCKET=/n"}));
  EXPECT_EQ(launch->api, "/var/run/docker.sock");
  EXPECT_FALSE(launch->file_written);
  EXPECT_TRUE(launch->warnings.empty());
}

TEST(LaunchTest, GivesNoHostTwice) {
  const auto launch =
      launch_plain({"-DH", "tcp://:1", "--host=unix:///y", "--", "-H"}, handed_over());
  ASSERT_TRUE(ok(launch));
  EXPECT_EQ(launch->argv,
            (Words{"dockerd", "--host=fd://", "--tls=false", "--debug=true", "--", "-H"}));
}

TEST(LaunchTest, LeavesTheUsersHostsWhereNothingIsInTheirPlace) {
  const auto launch = launch_plain({"-H", "tcp://:1"}, kNoListeners);
  ASSERT_TRUE(ok(launch));
  EXPECT_EQ(launch->argv, (Words{"dockerd", "-H", "tcp://:1"}));
  const auto with_file =
      launch_plain({}, kNoListeners, parse_daemon_json(R"({"hosts":["unix:///y.sock"]})").value());
  ASSERT_TRUE(ok(with_file));
  EXPECT_FALSE(with_file->file_written);
}

TEST(LaunchTest, PutsOurFlagsBeforeTheEndOfOptions) {
  const Invocation invocation{{"--feature=cdi", "--", "x"}, false, {}};
  const auto launch = configure(invocation, parse_command_line(invocation.arguments), {},
                                {"", false, {}}, kNoListeners, "/nowhere", "");
  ASSERT_TRUE(ok(launch));
  EXPECT_EQ(launch->argv, (Words{"dockerd", "--feature=cdi",
                                 "--feature=containerd-snapshotter=false", "--", "x"}));
}

TEST(LaunchTest, ReportsAContradictionBeforeAnythingIsWritten) {
  DaemonFile file;
  file.settings = parse_daemon_json(R"({"storage-driver":"vfs"})").value();
  const test::TempDir run;
  EXPECT_TRUE(fails_saying("this host needs overlay2", configure({}, {}, file, {"overlay2", {}, {}},
                                                                 kNoListeners, run.path(), "")));
  EXPECT_FALSE(run.has("daemon.json"));
}

TEST(PrivateLaunchTest, HasItsOwnListenerAndPidFileAndNoOtherListener) {
  const test::TempDir dir;
  const Invocation invocation{
      {"-H", "tcp://:1", "--debug", "--pidfile=/run/d.pid", "--config-file", "/etc/x.json"},
      true,
      {"PATH=/bin"}};
  DaemonFile file;
  file.settings = parse_daemon_json(R"({"hosts":["tcp://:2"],"pidfile":"/p","mtu":1400})").value();
  const auto launch = configure_private(invocation, {}, file, {"zfs", false, {}}, dir.path(), "/n");
  ASSERT_TRUE(ok(launch));
  const std::string own = dir.path().native();
  EXPECT_EQ(launch->argv,
            (Words{"dockerd", "--debug", "--restart=false", "--config-file=" + own + "/daemon.json",
                   "--pidfile=" + own + "/docker.pid", "--host=unix://" + own + "/docker.sock"}));
  EXPECT_EQ(launch->api, own + "/docker.sock");
  EXPECT_EQ(launch->environment, (Words{"PATH=/bin", "container=docker", "NOTIFY_SOCKET=/n"}));
  const auto settings = parse_daemon_json(dir.read("daemon.json"));
  ASSERT_TRUE(ok(settings));
  EXPECT_EQ(*settings, parse_daemon_json(R"({"mtu":1400,"storage-driver":"zfs",
                                             "features":{"containerd-snapshotter":false}})")
                           .value());
}

} // namespace
} // namespace dind::daemon
