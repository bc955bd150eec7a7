#include <boot/engine_settings.hpp>

#include <gtest/gtest.h>

namespace dind::boot {
namespace {

TEST(EngineSettingsTest, LeaveTheMtuToTheUser) {
  config::EngineSettings settings;
  daemon::DaemonFile file;
  file.settings = daemon::parse_daemon_json(R"({"mtu":1300})").value();
  EXPECT_TRUE(engine_settings(settings, {}, file).empty());
}

TEST(FirewallBackendTest, IsWhatTheEngineHas) {
  using enum config::FirewallBackend;
  const host::EngineVersion before{.newest = 28};
  const host::EngineVersion since{.oldest = 29};
  EXPECT_EQ(firewall_backend(nftables, since).value(), nftables);
  EXPECT_EQ(firewall_backend(iptables, since).value(), iptables);
  EXPECT_EQ(firewall_backend(automatic, since).value(), automatic);
  EXPECT_EQ(firewall_backend(iptables, before).value(), automatic); // it has nothing else
  const auto refused = firewall_backend(nftables, before);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().describe().find("DIND_FIREWALL_BACKEND"), std::string::npos);
}

} // namespace
} // namespace dind::boot
