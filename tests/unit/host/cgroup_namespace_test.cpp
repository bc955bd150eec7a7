#include <host/cgroup_namespace.hpp>

#include <gtest/gtest.h>

namespace dind::host {
namespace {

TEST(CgroupNamespaceTest, IsSharedWhereTheProcessIsNotAtTheTop) {
  EXPECT_TRUE(shares_cgroup_namespace("0::/kubepods/burstable/pod1/c1\n"));
  EXPECT_TRUE(shares_cgroup_namespace("0::/../sibling\n"));
  EXPECT_TRUE(shares_cgroup_namespace("1:name=systemd:/\n0::/docker/c1\n"));
}

TEST(CgroupNamespaceTest, IsPrivateAtTheTop) {
  EXPECT_FALSE(shares_cgroup_namespace("0::/\n"));
  EXPECT_FALSE(shares_cgroup_namespace("0::/init\n"));
}

TEST(CgroupNamespaceTest, IsNotLookedAtWithVersionOne) {
  EXPECT_FALSE(shares_cgroup_namespace("4:memory:/docker/c1\n1:name=systemd:/docker/c1\n"));
  EXPECT_FALSE(shares_cgroup_namespace(""));
}

} // namespace
} // namespace dind::host
