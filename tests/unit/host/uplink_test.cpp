#include <host/uplink.hpp>

#include <gtest/gtest.h>

namespace dind::host {
namespace {

constexpr const char* kHeading =
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

TEST(UplinkTest, IsTheInterfaceOfTheDefaultRoute) {
  EXPECT_EQ(default_interface(std::string(kHeading) +
                              "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
                              "eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"),
            "eth0");
}

TEST(UplinkTest, IsTheNearestOfSeveral) {
  EXPECT_EQ(default_interface(std::string(kHeading) +
                              "wlan0\t00000000\t010011AC\t0003\t0\t0\t600\t00000000\t0\t0\t0\n"
                              "eth0\t00000000\t010011AC\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"),
            "eth0");
}

TEST(UplinkTest, IsNoneWithoutADefaultRoute) {
  EXPECT_EQ(default_interface(kHeading), "");
  EXPECT_EQ(default_interface(""), "");
  // Half of everything, as VPNs route it, is not the default route.
  EXPECT_EQ(default_interface(std::string(kHeading) +
                              "tun0\t00000000\t010011AC\t0003\t0\t0\t0\t00000080\t0\t0\t0\n"),
            "");
}

} // namespace
} // namespace dind::host
