#include <host/cgroup.hpp>

#include <support/expect.hpp>
#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

namespace dind::host {
namespace {

TEST(SubtreeRequestTest, AsksForWhatIsNotEnabledYet) {
  EXPECT_EQ(subtree_request("cpuset cpu io\n", ""), "+cpuset +cpu +io");
  EXPECT_EQ(subtree_request("cpuset cpu io", "cpu\n"), "+cpuset +io");
  EXPECT_EQ(subtree_request("cpu io", "io cpu"), "");
  EXPECT_EQ(subtree_request("", ""), "");
}

TEST(NestCgroupsTest, DoesNothingWithoutCgroupV2) {
  const test::TempDir dir;
  const auto nesting = nest_cgroups(dir.path());
  ASSERT_TRUE(test::ok(nesting));
  EXPECT_FALSE(nesting->unified);
  EXPECT_FALSE(dir.has("init"));
}

} // namespace
} // namespace dind::host
