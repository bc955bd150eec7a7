#include <daemon/host_address.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace dind::daemon {
namespace {

std::string read(std::string_view text) {
  const HostAddress host = parse_host(text);
  EXPECT_EQ(host.text, text);
  switch (host.kind) {
  case HostAddress::Kind::unix_socket:
    return "unix " + host.path;
  case HostAddress::Kind::tcp:
    return fmt::format("tcp {} {}", host.ip, host.port);
  case HostAddress::Kind::other:
    break;
  }
  return "other";
}

TEST(HostAddressTest, IsReadAsDockerdReadsIt) {
  EXPECT_EQ(read("unix:///run/x.sock"), "unix /run/x.sock");
  EXPECT_EQ(read("unix://"), "unix /var/run/docker.sock");
  EXPECT_EQ(read(" unix:///x "), "unix /x");
  EXPECT_EQ(read("tcp://0.0.0.0:2375"), "tcp 0.0.0.0 2375");
  EXPECT_EQ(read("tcp://10.1.2.3"), "tcp 10.1.2.3 2375");
  EXPECT_EQ(read("10.1.2.3:1"), "tcp 10.1.2.3 1");
  EXPECT_EQ(read("tcp://:4243"), "tcp 127.0.0.1 4243"); // no host is localhost
  EXPECT_EQ(read("tcp://"), "tcp 127.0.0.1 2375");
  EXPECT_EQ(read("tcp://localhost:7"), "tcp 127.0.0.1 7");
  EXPECT_EQ(read("tcp://[::]:2376"), "tcp :: 2376");
  EXPECT_EQ(read("tcp://[::1]"), "tcp ::1 2375");
  EXPECT_EQ(read("tcp://[::1]:"), "tcp ::1 2375");
  EXPECT_EQ(read("tcp://[0:0::0]:1"), "tcp :: 1");
}

TEST(HostAddressTest, IsLeftToDockerdWhereItIsNotUnderstood) {
  for (const char* text :
       {"", "fd://", "fd://3", "npipe://x", "tcp://docker:2375", "docker", "tcp://0.0.0.0:0",
        "tcp://0.0.0.0:65536", "tcp://0.0.0.0:x", "tcp://::1:2375", "tcp://[::1", "tcp://[::1]2375",
        "tcp://1.2.3.4:5/path", "tcp://[fe80::1%eth0]:2375", "unix://relative.sock",
        "http://1.2.3.4"}) {
    EXPECT_EQ(read(text), "other") << text;
  }
}

TEST(HostAddressTest, KnowsTheSameSocketUnderOtherNames) {
  const auto same = [](std::string_view one, std::string_view other) {
    return is_same_socket(parse_host(one), parse_host(other));
  };
  EXPECT_TRUE(same("unix:///var/run/docker.sock", "unix:///run/docker.sock"));
  EXPECT_TRUE(same("unix://", "unix:///run/docker.sock"));
  EXPECT_FALSE(same("unix:///a", "unix:///b"));
  EXPECT_TRUE(same("tcp://:2375", "localhost"));
  EXPECT_FALSE(same("tcp://0.0.0.0:2375", "tcp://127.0.0.1:2375"));
  EXPECT_FALSE(same("tcp://0.0.0.0:2375", "unix://"));
  EXPECT_TRUE(same("fd://", "fd://"));
}

TEST(HostAddressTest, IsOfBothFamiliesWhereGoListensOnBoth) {
  EXPECT_TRUE(parse_host("tcp://0.0.0.0:1").is_dual_stack());
  EXPECT_TRUE(parse_host("tcp://[::]:1").is_dual_stack());
  EXPECT_TRUE(parse_host("tcp://[0::0]:1").is_dual_stack());
  EXPECT_FALSE(parse_host("tcp://127.0.0.1:1").is_dual_stack());
  EXPECT_FALSE(parse_host("tcp://[::1]:1").is_dual_stack());
  EXPECT_FALSE(parse_host("unix://").is_dual_stack());
}

TEST(HostAddressTest, KnowsLoopback) {
  EXPECT_TRUE(parse_host("tcp://127.1.2.3:1").is_loopback());
  EXPECT_TRUE(parse_host("tcp://[::1]:1").is_loopback());
  EXPECT_FALSE(parse_host("tcp://0.0.0.0:1").is_loopback());
  EXPECT_FALSE(parse_host("tcp://[::]:1").is_loopback());
}

} // namespace
} // namespace dind::daemon
