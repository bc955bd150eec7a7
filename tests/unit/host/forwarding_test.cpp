#include <host/forwarding.hpp>

#include <sys/file.hpp>

#include <support/expect.hpp>
#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

#include <string>

namespace dind::host {
namespace {

using test::ok;

// The switches of a network namespace, in a directory.
class ForwardingTest : public testing::Test {
protected:
  ForwardingTest() {
    put("net/ipv4/ip_forward", "0\n");
    EXPECT_TRUE(ok(sys::make_dirs(dir_ / "devices/lo", 0755)));
  }

  void put(const std::string& path, const std::string& text) {
    EXPECT_TRUE(ok(sys::make_dirs((dir_ / path).parent_path(), 0755)));
    EXPECT_TRUE(ok(sys::replace_file(dir_ / path, text, 0644, sys::Durable::no)));
  }
  // What the kernel would have read first: a file keeps the rest of what it had.
  char at(const std::string& path) const { return sys::read_file(dir_ / path, 16).value().at(0); }
  Result<void> enable() const { return enable_forwarding(dir_ / "net", dir_ / "devices"); }

  test::TempDir dir_;
};

TEST_F(ForwardingTest, IsSwitchedOn) {
  EXPECT_TRUE(ok(enable()));
  EXPECT_EQ(at("net/ipv4/ip_forward"), '1');
}

TEST_F(ForwardingTest, KeepsWhatRoutersTell) {
  for (const std::string of : {"all", "default", "eth0"}) {
    put("net/ipv6/conf/" + of + "/forwarding", "0\n");
    put("net/ipv6/conf/" + of + "/accept_ra", of == "eth0" ? "1\n" : "0\n");
  }
  EXPECT_TRUE(ok(enable()));
  EXPECT_EQ(at("net/ipv6/conf/all/forwarding"), '1');
  EXPECT_EQ(at("net/ipv6/conf/default/forwarding"), '1');
  EXPECT_EQ(at("net/ipv6/conf/eth0/accept_ra"), '2');
  EXPECT_EQ(at("net/ipv6/conf/default/accept_ra"), '0');
}

TEST_F(ForwardingTest, IsLeftToAHostWithDevices) {
  EXPECT_TRUE(ok(sys::make_dirs(dir_ / "devices/eth0/device", 0755)));
  const auto refused = enable();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().describe().find("net.ipv4.ip_forward"), std::string::npos);
  EXPECT_EQ(at("net/ipv4/ip_forward"), '0');
  put("net/ipv4/ip_forward", "1\n"); // as the host has it
  EXPECT_TRUE(ok(enable()));
}

} // namespace
} // namespace dind::host
