#include <daemon/convenience.hpp>

#include <support/json_text.hpp>

#include <gtest/gtest.h>

namespace dind::daemon {
namespace {

using test::text_of;

TEST(ConvenienceTest, AsksForNothingByItself) {
  EXPECT_EQ(text_of(settings_of({}, {})), "{}");
  EXPECT_EQ(text_of(settings_of({}, {1500, true})), "{}");
}

TEST(ConvenienceTest, BecomesKeysOfDaemonJson) {
  config::EngineSettings settings;
  settings.registry_mirrors = {"https://m:1/"};
  settings.insecure_registries = {"r:5000", "10.0.0.0/8"};
  settings.dns = {"10.0.0.53"};
  settings.bip = "172.30.0.1/16";
  settings.address_pools = {{"10.200.0.0/16", 24}};
  EXPECT_EQ(text_of(settings_of(settings, {})),
            R"({"registry-mirrors":["https://m:1/"],"insecure-registries":["r:5000","10.0.0.0/8"],)"
            R"("dns":["10.0.0.53"],"bip":"172.30.0.1/16",)"
            R"("default-address-pools":[{"base":"10.200.0.0/16","size":24}]})");
}

TEST(ConvenienceTest, TakesTheMtuOfASmallUplink) {
  EXPECT_EQ(text_of(settings_of({}, {1450, false})), R"({"mtu":1450})");
  EXPECT_EQ(
      text_of(settings_of({}, {1450, true})),
      R"({"mtu":1450,"default-network-opts":{"bridge":{"com.docker.network.driver.mtu":"1450"}}})");
  EXPECT_EQ(text_of(settings_of({}, {9000, true})), "{}");
}

TEST(ConvenienceTest, TakesTheMtuThatIsAskedFor) {
  config::EngineSettings settings;
  settings.mtu = 9000;
  EXPECT_EQ(text_of(settings_of(settings, {1450, false})), R"({"mtu":9000})");
}

TEST(ConvenienceTest, NamesTheFirewall) {
  config::EngineSettings settings;
  settings.firewall_backend = config::FirewallBackend::nftables;
  EXPECT_EQ(text_of(settings_of(settings, {})), R"({"firewall-backend":"nftables"})");
  settings.firewall_backend = config::FirewallBackend::iptables;
  EXPECT_EQ(text_of(settings_of(settings, {})), R"({"firewall-backend":"iptables"})");
}

} // namespace
} // namespace dind::daemon
