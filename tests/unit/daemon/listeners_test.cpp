#include <daemon/listeners.hpp>

#include <support/expect.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

namespace dind::daemon {
namespace {

using test::fails_saying;
using test::ok;
using Words = std::vector<std::string>;

struct Asked {
  Words environment = {};
  Words arguments = {};
  const char* file = "{}";
  bool explicit_dockerd = false;
  config::EngineSettings settings = {};
};

Result<ListenerPlan> plan_for(const Asked& asked) {
  const CommandLine flags = parse_command_line(asked.arguments);
  const json::object file = parse_daemon_json(asked.file).value();
  return plan_listeners({.environment = asked.environment,
                         .flags = flags,
                         .file = file,
                         .default_listeners = !asked.explicit_dockerd,
                         .settings = asked.settings});
}

config::EngineSettings off() {
  config::EngineSettings settings;
  settings.activate = config::Activate::off;
  return settings;
}

config::EngineSettings bound_to(const char* ip) {
  config::EngineSettings settings;
  settings.tcp_bind = ip;
  return settings;
}

// What is bound, and behind a bar what dockerd is told.
std::string told(const ListenerPlan& plan) {
  Words bound;
  for (const HostAddress& host : plan.bound) {
    bound.push_back(host.is_unix() ? host.path : fmt::format("{}:{}", host.ip, host.port));
  }
  return fmt::format("{} | {}", fmt::join(bound, " "), fmt::join(plan.arguments, " "));
}

constexpr const char* kSocket = "/var/run/docker.sock";
constexpr const char* kTls = "--tlsverify --tlscacert=/certs/server/ca.pem "
                             "--tlscert=/certs/server/cert.pem --tlskey=/certs/server/key.pem";

struct Case {
  const char* name;
  Asked asked;
  std::string expected;
};

class ListenersTest : public testing::TestWithParam<Case> {};

TEST_P(ListenersTest, AreBoundOrLeftToDockerd) {
  const auto plan = plan_for(GetParam().asked);
  ASSERT_TRUE(ok(plan));
  EXPECT_EQ(told(*plan), GetParam().expected);
}

const std::string kBoth = std::string(kSocket) + " 0.0.0.0:2375 | --host=fd://";

const Case kCases[] = {
    {"H3NoTls", {}, kBoth},
    {"H3TlsSwitchedOff", {.environment = {"DOCKER_TLS_CERTDIR="}}, kBoth},
    {"H2Tls",
     {.environment = {"DOCKER_TLS_CERTDIR=/certs"}},
     std::string(kSocket) + " 0.0.0.0:2376 | --host=fd:// " + kTls},
    {"H1DockerHostNamesTheSocket",
     {.environment = {"DOCKER_HOST=unix:///x.sock"}},
     "/x.sock 0.0.0.0:2375 | --host=fd://"},
    {"DockerHostOfAnotherKind", {.environment = {"DOCKER_HOST=tcp://docker:2375"}}, kBoth},
    {"TheUsersSocketIsTheDefaultOne", {.arguments = {"-H", "unix:///run/docker.sock"}}, kBoth},
    {"TheUsersPortIsTheDefaultOne", {.arguments = {"--host=tcp://0.0.0.0:2375"}}, kBoth},
    {"TheUsersPortIsNarrower",
     {.arguments = {"--host=tcp://127.0.0.1:2375"}},
     std::string(kSocket) + " 127.0.0.1:2375 | --host=fd://"},
    {"TheUsersAreOthers",
     {.arguments = {"--host=tcp://[::1]:1", "-H=unix:///y"}},
     std::string(kSocket) + " 0.0.0.0:2375 ::1:1 /y | --host=fd://"},
    {"RepeatedByTheUser",
     {.arguments = {"-H", "unix:///y", "-H", "unix:///y"}},
     std::string(kSocket) + " 0.0.0.0:2375 /y | --host=fd://"},
    {"OfTheFile",
     {.file = R"({"hosts": ["unix:///y", "tcp://0.0.0.0:2375"]})"},
     std::string(kSocket) + " /y 0.0.0.0:2375 | --host=fd://"},
    {"NotUnderstood",
     {.arguments = {"--host=tcp://docker:2375"}},
     std::string(kSocket) + " 0.0.0.0:2375 | --host=fd:// --host=tcp://docker:2375 --tls=false"},
    {"NotUnderstoodAndTlsIsDecided",
     {.arguments = {"--host=tcp://docker:2375", "--tls=true"}},
     std::string(kSocket) + " 0.0.0.0:2376 | --host=fd:// --host=tcp://docker:2375"},
    {"SocketsOfTheUsersOwn",
     {.arguments = {"--host=fd://"}},
     " | --host=unix:///var/run/docker.sock --host=tcp://0.0.0.0:2375 --host=fd:// --tls=false"},
    {"A3DockerdInFull", {.explicit_dockerd = true}, std::string(kSocket) + " | --host=fd://"},
    {"A3DockerdInFullWithTls", {.arguments = {"--tlsverify"}, .explicit_dockerd = true}, " | "},
    {"A3DockerdInFullHasNoCertificatesOfOurs",
     {.environment = {"DOCKER_TLS_CERTDIR=/certs"},
      .arguments = {"--host=unix:///var/run/docker.sock", "--group=123"},
      .explicit_dockerd = true},
     std::string(kSocket) + " | --host=fd://"},
    {"A3HostsOfTheFile",
     {.file = R"({"hosts": ["tcp://127.0.0.1:5"]})", .explicit_dockerd = true},
     "127.0.0.1:5 | --host=fd://"},
    {"A3NothingUnderstood", {.arguments = {"--host=fd://"}, .explicit_dockerd = true}, " | "},
    {"Off",
     {.settings = off()},
     " | --host=unix:///var/run/docker.sock --host=tcp://0.0.0.0:2375 --tls=false"},
    {"OffWithATlsFlagOfTheUsers",
     {.arguments = {"--tls=false"}, .settings = off()},
     " | --host=unix:///var/run/docker.sock --host=tcp://0.0.0.0:2375"},
    {"OffWithTls",
     {.environment = {"DOCKER_TLS_CERTDIR=/certs"}, .settings = off()},
     std::string(" | --host=unix:///var/run/docker.sock --host=tcp://0.0.0.0:2376 ") + kTls},
    {"OffA3",
     {.arguments = {"-H", "tcp://0.0.0.0:5"}, .explicit_dockerd = true, .settings = off()},
     " | --tls=false"},
    {"TcpBind",
     {.settings = bound_to("127.0.0.1")},
     std::string(kSocket) + " 127.0.0.1:2375 | --host=fd://"},
    {"TcpBindIPv6", {.settings = bound_to("::")}, std::string(kSocket) + " :::2375 | --host=fd://"},
};

INSTANTIATE_TEST_SUITE_P(Every, ListenersTest, testing::ValuesIn(kCases),
                         [](const auto& row) { return row.param.name; });

TEST(ListenerPlanTest, ListensOnIPv6AsWellUnlessTheUserSaysOneAddress) {
  const auto is_dual = [](const Asked& asked) { return plan_for(asked)->bound[1].is_dual_stack(); };
  EXPECT_TRUE(is_dual({}));
  EXPECT_TRUE(is_dual({.environment = {"DOCKER_TLS_CERTDIR=/certs"}}));
  EXPECT_TRUE(is_dual({.arguments = {"--host=tcp://0.0.0.0:2375"}}));
  EXPECT_TRUE(is_dual({.file = R"({"hosts": ["tcp://0.0.0.0:2375"]})"}));
  EXPECT_TRUE(is_dual({.settings = bound_to("::")}));
  EXPECT_FALSE(is_dual({.settings = bound_to("0.0.0.0")}));
  EXPECT_FALSE(is_dual({.settings = bound_to("127.0.0.1")}));
}

TEST(ListenerPlanTest, KnowsWhereAnAddressWasNamed) {
  using enum HostAddress::Origin;
  const auto plan =
      plan_for({.arguments = {"-H", "unix:///a"}, .file = R"({"hosts": ["tcp://:1"]})"});
  ASSERT_EQ(plan->bound.size(), 4U);
  EXPECT_EQ(plan->bound[0].origin, defaults);
  EXPECT_EQ(plan->bound[1].origin, defaults);
  EXPECT_EQ(plan->bound[2].origin, option);
  EXPECT_EQ(plan->bound[3].origin, file);
}

TEST(ListenerPlanTest, MakesCertificatesForTheDefaultListenersOnly) {
  const Words with_tls = {"DOCKER_TLS_CERTDIR=/certs"};
  EXPECT_EQ(plan_for({.environment = with_tls})->certificates, "/certs");
  EXPECT_EQ(plan_for({.environment = with_tls, .explicit_dockerd = true})->certificates, "");
  EXPECT_EQ(plan_for({})->certificates, "");
}

TEST(ListenerPlanTest, RefusesTlsSettingsInTheFileBesideCertificatesOfOurs) {
  const Words with_tls = {"DOCKER_TLS_CERTDIR=/certs"};
  EXPECT_TRUE(fails_saying("\"tlscert\" is in daemon.json",
                           plan_for({.environment = with_tls, .file = R"({"tlscert": "/c"})"})));
  EXPECT_TRUE(ok(plan_for({.file = R"({"tlscert": "/c"})"})));
}

TEST(ListenerPlanTest, LeavesAnExplicitDockerdAsItIsWhereNothingIsBound) {
  EXPECT_FALSE(plan_for({.explicit_dockerd = true, .settings = off()})->moves_hosts);
  EXPECT_TRUE(plan_for({.explicit_dockerd = true})->moves_hosts);
  EXPECT_TRUE(plan_for({.settings = off()})->moves_hosts);
}

TEST(ListenerPlanTest, SaysLoudlyThatPlainTcpIsOpenToOthers) {
  const auto warnings = [](const Asked& asked) { return plan_for(asked)->warnings; };
  ASSERT_EQ(warnings({}).size(), 1U);
  EXPECT_NE(warnings({})[0].find("tcp://0.0.0.0:2375"), std::string::npos);
  EXPECT_NE(warnings({})[0].find("DOCKER_TLS_CERTDIR"), std::string::npos);
  EXPECT_EQ(warnings({.settings = off()}).size(), 1U);
  EXPECT_EQ(warnings({.arguments = {"--host=tcp://[::]:1"}}).size(), 2U);
  EXPECT_TRUE(warnings({.settings = bound_to("127.0.0.1")}).empty());
  EXPECT_TRUE(warnings({.environment = {"DOCKER_TLS_CERTDIR=/certs"}}).empty());
  EXPECT_TRUE(warnings({.arguments = {"--tlsverify"}}).empty());
  EXPECT_TRUE(warnings({.file = R"({"tls": true})"}).empty());
  EXPECT_FALSE(warnings({.arguments = {"--tls=false"}}).empty());
}

TEST(ListenerPlanTest, FindsTheApiOnTheFirstUnixSocket) {
  EXPECT_EQ(plan_for({})->api, kSocket);
  EXPECT_EQ(plan_for({.environment = {"DOCKER_HOST=unix:///x"}, .settings = off()})->api, "/x");
  EXPECT_EQ(plan_for({.arguments = {"-H", "tcp://:1", "-H", "unix:///a", "-H", "unix:///b"},
                      .explicit_dockerd = true})
                ->api,
            "/a");
  EXPECT_EQ(plan_for({.arguments = {"-H", "tcp://:1"}, .explicit_dockerd = true})->api, "");
}

TEST(ListenerPlanTest, TakesTheGroupFromWhereDockerdTakesIt) {
  EXPECT_EQ(plan_for({})->group, "docker");
  EXPECT_EQ(plan_for({.arguments = {"-G", "ci"}})->group, "ci");
  EXPECT_EQ(plan_for({.arguments = {"--group="}})->group, "");
  EXPECT_EQ(plan_for({.file = R"({"group": "ops"})"})->group, "ops");
}

TEST(FindGroupTest, ReadsNamesAndNumbers) {
  const std::string_view file = "root:x:0:\nbroken\n123:x:9:\ndocker:x:2375:alice,bob\nlast:x:77";
  EXPECT_EQ(find_group(file, "docker"), 2375U);
  EXPECT_EQ(find_group(file, "last"), 77U);
  EXPECT_EQ(find_group(file, "1001"), 1001U);
  EXPECT_EQ(find_group(file, "123"), 9U); // a name comes first
  EXPECT_EQ(find_group(file, "dock"), std::nullopt);
  EXPECT_EQ(find_group(file, "broken"), std::nullopt);
  EXPECT_EQ(find_group("", "docker"), std::nullopt);
  EXPECT_EQ(find_group(file, "-1"), std::nullopt);
}

} // namespace
} // namespace dind::daemon
