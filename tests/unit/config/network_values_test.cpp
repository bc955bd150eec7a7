#include <config/network_values.hpp>

#include <gtest/gtest.h>

namespace dind::config {
namespace {

TEST(IpAddressTest, IsOfEitherFamilyAndNothingMore) {
  for (const char* text : {"0.0.0.0", "127.0.0.1", "::", "fe80::1"}) {
    EXPECT_TRUE(is_ip_address(text)) << text;
  }
  for (const char* text : {"", "localhost", "1.2.3", "1.2.3.4:80", "[::1]", "fe80::1%eth0"}) {
    EXPECT_FALSE(is_ip_address(text)) << text;
  }
}

TEST(CidrTest, IsAnAddressWithAPrefixThatFits) {
  for (const char* text : {"172.30.0.1/16", "10.0.0.0/8", "fd00::/64", "1.2.3.4/32"}) {
    EXPECT_TRUE(is_cidr(text)) << text;
  }
  for (const char* text :
       {"172.30.0.1", "172.30.0.1/33", "fd00::/129", "/16", "10.0.0.0/", "a/8"}) {
    EXPECT_FALSE(is_cidr(text)) << text;
  }
}

TEST(RegistryTest, IsAHostWithOrWithoutPortOrARange) {
  for (const char* text :
       {"registry", "registry.example:5000", "10.0.0.0/8", "[::1]:5000", "[::1]"}) {
    EXPECT_TRUE(is_registry(text)) << text;
  }
  for (const char* text :
       {"http://registry", "registry:", "registry:70000", "registry/path", "-a", "::1"}) {
    EXPECT_FALSE(is_registry(text)) << text;
  }
}

TEST(MirrorTest, IsAPlainUrl) {
  for (const char* text : {"https://mirror.example", "http://mirror:5000/", "https://m/path"}) {
    EXPECT_TRUE(is_mirror_url(text)) << text;
  }
  for (const char* text : {"mirror.example", "ftp://m", "https://", "https://m?x=1", "https://m#x",
                           "https://user@m", "https:///path"}) {
    EXPECT_FALSE(is_mirror_url(text)) << text;
  }
}

TEST(AddressPoolTest, HasABaseAndASizeThatFitsIntoIt) {
  const AddressPool pool{"10.200.0.0/16", 24};
  EXPECT_EQ(parse_address_pool("base=10.200.0.0/16,size=24"), pool);
  EXPECT_EQ(parse_address_pool("size=24,base=10.200.0.0/16"), pool);
  for (const char* text :
       {"", "base=10.200.0.0/16", "size=24", "base=10.200.0.0,size=24", "base=10.200.0.0/16,size=8",
        "base=10.200.0.0/16,size=33", "base=10.200.0.0/16,size=24,size=25",
        "base=10.200.0.0/16,size=24,x=1", "10.200.0.0/16"}) {
    EXPECT_FALSE(parse_address_pool(text)) << text;
  }
}

TEST(RegistryPlaceTest, IsAWordOrAnAddressWithAPort) {
  using Reach = Registry::Reach;
  const auto is = [](std::string_view text, const Registry& expected) {
    return parse_registry(text) == std::optional(expected);
  };
  EXPECT_TRUE(is("off", {}));
  EXPECT_TRUE(is("loopback", {Reach::loopback, "", 5000}));
  EXPECT_TRUE(is("loopback:6000", {Reach::loopback, "", 6000}));
  EXPECT_TRUE(is("bridge", {Reach::bridge, "", 5000}));
  EXPECT_TRUE(is("bridge:80", {Reach::bridge, "", 80}));
  EXPECT_TRUE(is("0.0.0.0:5000", {Reach::address, "0.0.0.0", 5000}));
  EXPECT_TRUE(is("[::1]:5001", {Reach::address, "::1", 5001}));
  for (const char* text :
       {"", "on", "off:5000", "loopback:", "loopback:0", "bridge:65536", "127.0.0.1", "[::1]",
        "::1:5000", "[127.0.0.1]:5000", "localhost:5000", ":5000", "[::1:5000", "[::1]x:5000",
        "127.0.0.1:5000:5000", "127.0.0.1:-1"}) {
    EXPECT_FALSE(parse_registry(text)) << text;
  }
}

} // namespace
} // namespace dind::config
