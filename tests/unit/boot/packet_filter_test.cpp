#include <boot/packet_filter.hpp>

#include <gtest/gtest.h>

namespace dind::boot {
namespace {

FilterUse use_of(std::vector<std::string> arguments, std::string_view file) {
  return filter_use(daemon::parse_command_line(arguments), daemon::parse_daemon_json(file).value());
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

} // namespace
} // namespace dind::boot
