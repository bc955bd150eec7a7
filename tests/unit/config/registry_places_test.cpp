#include <config/registry_places.hpp>

#include <gtest/gtest.h>

namespace dind::config {
namespace {

using Reach = Registry::Reach;
using Addresses = std::vector<std::string>;

// Where it listens from the start on, and what dockerd is told.
struct Case {
  Registry registry;
  Addresses addresses;
  std::string host;
};

TEST(RegistryPlacesTest, DockerdsIsAlwaysOnLoopback) {
  const Case cases[] = {
      {{}, {}, ""},
      {{Reach::loopback, "", 5000}, {"127.0.0.1"}, "127.0.0.1:5000"},
      {{Reach::bridge, "", 80}, {"127.0.0.1"}, "127.0.0.1:80"},
      {{Reach::address, "127.0.0.5", 80}, {"127.0.0.5"}, "127.0.0.5:80"},
      {{Reach::address, "::1", 80}, {"::1"}, "[::1]:80"},
      {{Reach::address, "10.0.0.1", 80}, {"127.0.0.1", "10.0.0.1"}, "127.0.0.1:80"},
      {{Reach::address, "fd00::1", 80}, {"127.0.0.1", "fd00::1"}, "127.0.0.1:80"},
      {{Reach::address, "0.0.0.0", 80}, {"0.0.0.0"}, "127.0.0.1:80"},
      {{Reach::address, "::", 80}, {"::"}, "127.0.0.1:80"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(registry_addresses(one.registry), one.addresses) << one.host;
    EXPECT_EQ(registry_host(one.registry), one.host);
  }
}

TEST(RegistryPlacesTest, LoopbackIsThisContainersAlone) {
  EXPECT_FALSE(is_beyond_loopback("127.0.0.1"));
  EXPECT_FALSE(is_beyond_loopback("::1"));
  EXPECT_TRUE(is_beyond_loopback("0.0.0.0"));
  EXPECT_TRUE(is_beyond_loopback("172.17.0.1"));
  EXPECT_TRUE(is_beyond_loopback("::"));
}

} // namespace
} // namespace dind::config
