#include <daemon/listeners.hpp>

#include <gtest/gtest.h>

namespace dind::daemon {
namespace {

using Words = std::vector<std::string>;

struct Case {
  const char* name;
  Words environment;
  Words named;
  Words expected;
};

class DefaultListenersTest : public testing::TestWithParam<Case> {};

TEST_P(DefaultListenersTest, AreTheStockOnesLessThoseNamed) {
  EXPECT_EQ(default_listeners(GetParam().environment, GetParam().named).hosts, GetParam().expected);
}

constexpr const char* kSocket = "unix:///var/run/docker.sock";
constexpr const char* kTcp = "tcp://0.0.0.0:2375";

const Case kCases[] = {
    {"NoTls", {}, {}, {kSocket, kTcp}},
    {"TlsSwitchedOff", {"DOCKER_TLS_CERTDIR="}, {}, {kSocket, kTcp}},
    {"Tls", {"DOCKER_TLS_CERTDIR=/certs"}, {}, {kSocket}},
    {"OtherSocket", {"DOCKER_HOST=unix:///x.sock"}, {}, {"unix:///x.sock", kTcp}},
    {"DockerHostOfAnotherKind", {"DOCKER_HOST=tcp://docker:2375"}, {}, {kSocket, kTcp}},
    {"SocketNamed", {}, {kSocket}, {kTcp}},
    {"SocketNamedOtherwise", {}, {"unix:///run/docker.sock"}, {kTcp}},
    {"SocketNamedAsDefault", {}, {"unix://"}, {kTcp}},
    {"OtherSocketNamed", {}, {"unix:///x.sock"}, {kSocket, kTcp}},
    {"TcpNamed", {}, {kTcp}, {kSocket}},
    {"TcpNamedOnAnotherAddress", {}, {"tcp://127.0.0.1:2375"}, {kSocket}},
    {"TcpNamedWithoutScheme", {}, {"127.0.0.1:2375"}, {kSocket}},
    {"TcpNamedWithoutPort", {}, {"tcp://[::1]"}, {kSocket}},
    {"TcpNamedOnAnotherPort", {}, {"tcp://[::]:2376"}, {kSocket, kTcp}},
    {"FdNamed", {}, {"fd://"}, {kSocket, kTcp}},
};

INSTANTIATE_TEST_SUITE_P(Every, DefaultListenersTest, testing::ValuesIn(kCases),
                         [](const auto& row) { return row.param.name; });

TEST(ListenersTest, WarnsOnceThatTlsIsNotThere) {
  const auto listeners = default_listeners(Words{"DOCKER_TLS_CERTDIR=/certs"}, {});
  ASSERT_EQ(listeners.warnings.size(), 1U);
  EXPECT_NE(listeners.warnings[0].find("no TCP listener"), std::string::npos);
  EXPECT_TRUE(default_listeners({}, {}).warnings.empty());
}

TEST(ListenersTest, FindTheApiOnTheFirstUnixSocket) {
  EXPECT_EQ(api_socket({}), "/var/run/docker.sock");
  EXPECT_EQ(api_socket(Words{"tcp://:1", "unix:///a", "unix:///b"}), "/a");
  EXPECT_EQ(api_socket(Words{"unix://"}), "/var/run/docker.sock");
  EXPECT_EQ(api_socket(Words{"tcp://:1", "fd://"}), "");
}

} // namespace
} // namespace dind::daemon
