#include <boot/packet_filter.hpp>

#include <gtest/gtest.h>

namespace dind::boot {
namespace {

FilterUse use_of(std::vector<std::string> arguments, std::string_view file,
                 config::FirewallBackend wish = config::FirewallBackend::automatic) {
  return filter_use(daemon::parse_command_line(arguments), daemon::parse_daemon_json(file).value(),
                    wish);
}

TEST(FilterUseTest, IsLeftOutWhereDockerdDoesWithout) {
  EXPECT_TRUE(use_of({}, "").v4);
  EXPECT_TRUE(use_of({}, "").v6);
  EXPECT_FALSE(use_of({"--iptables=false"}, "").v4);
  EXPECT_TRUE(use_of({"--iptables"}, "").v4);
  EXPECT_FALSE(use_of({}, R"({"iptables":false})").v4);
  EXPECT_TRUE(use_of({}, R"({"iptables":true})").v4);
  EXPECT_FALSE(use_of({"--ip6tables=false"}, "").v6);
  EXPECT_FALSE(use_of({}, R"({"ip6tables":false})").v6);
  EXPECT_FALSE(use_of({"--firewall-backend=nftables"}, "").v4);
  EXPECT_FALSE(use_of({}, R"({"firewall-backend":"nftables"})").v6);
}

TEST(FilterUseTest, IsNftablesWhereItIsAskedFor) {
  using enum config::FirewallBackend;
  EXPECT_FALSE(use_of({}, "").nftables);
  EXPECT_TRUE(use_of({}, "", nftables).nftables);
  EXPECT_FALSE(use_of({}, "", nftables).v4);
  EXPECT_FALSE(use_of({}, "", iptables).nftables);
  // What the user has dockerd read stays as it is.
  EXPECT_FALSE(use_of({"--firewall-backend=iptables"}, "", nftables).nftables);
  EXPECT_FALSE(use_of({}, R"({"firewall-backend":"iptables"})", nftables).nftables);
  EXPECT_TRUE(use_of({}, R"({"firewall-backend":"nftables"})", iptables).nftables);
}

} // namespace
} // namespace dind::boot
