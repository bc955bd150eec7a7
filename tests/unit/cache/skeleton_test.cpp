#include <cache/skeleton.hpp>

#include <support/expect.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <string>

namespace dind::cache {
namespace {

using test::fails_saying;
using test::ok;

Skeleton sample_skeleton() {
  Skeleton skeleton;
  skeleton.whiteouts = {"etc/motd", "raw/\xff\xfe", "a/b/c"};
  skeleton.opaque = {"", "var/cache"};
  skeleton.nodes = {{.path = "dev/null",
                     .mode = S_IFCHR | 0666,
                     .major = 1,
                     .minor = 3,
                     .mtime = 5,
                     .mtime_ns = 6},
                    {.path = "dev/zero", .mode = S_IFCHR | 0666, .link_to = "dev/null"}};
  skeleton.implied = {"raw"};
  skeleton.overridden_whiteouts = {"a/b"};
  skeleton.lost_xattrs = {{"a/b", {"user.foo"}}};
  return skeleton;
}

TEST(SkeletonTest, ReadsBackWhatItPrintsRawNamesIncluded) {
  const auto parsed = parse_skeleton(print_skeleton(sample_skeleton()));
  ASSERT_TRUE(ok(parsed));
  EXPECT_EQ(*parsed, sample_skeleton());
}

TEST(SkeletonTest, KnowsTheDirectoriesThatHoldItsMarksParentsFirst) {
  EXPECT_EQ(sample_skeleton().mark_dirs(),
            (std::vector<std::string>{"a", "a/b", "dev", "etc", "raw", "var", "var/cache"}));
}

TEST(SkeletonTest, RefusesPathsThatLeaveTheLayer) {
  for (const char* path : {"../x", "/etc", "a//b", "a/./b", "a/..", "", "a/"}) {
    Skeleton skeleton;
    skeleton.whiteouts = {path};
    EXPECT_TRUE(fails_saying("unsafe path", parse_skeleton(print_skeleton(skeleton)))) << path;
  }
}

TEST(SkeletonTest, RefusesANodeThatIsAFile) {
  Skeleton skeleton;
  skeleton.nodes = {{.path = "x", .mode = S_IFREG | 04755}};
  EXPECT_TRUE(fails_saying("no device", parse_skeleton(print_skeleton(skeleton))));
}

TEST(SkeletonTest, IsEmptyOnlyIfItSaysNothing) {
  EXPECT_TRUE(Skeleton().empty());
  Skeleton implied;
  implied.implied = {"a"};
  EXPECT_FALSE(implied.empty());
  EXPECT_EQ(implied.marks(), 0U);
}

} // namespace
} // namespace dind::cache
