#include <host/surroundings.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dind::host {
namespace {

TEST(FilesystemNoteTest, WarnsOfWhatHoldsNoUpperOrCostsMuch) {
  for (const char* name : {"nfs", "fuse", "9p", "overlay", "tmpfs", "ramfs", "ceph"}) {
    EXPECT_NE(filesystem_note(name), "") << name;
  }
  for (const char* name : {"ext4", "xfs", "btrfs", "0x1234", ""}) {
    EXPECT_EQ(filesystem_note(name), "") << name;
  }
}

TEST(PathObstacleTest, IsWhatOverlaysTakeForSomethingElse) {
  EXPECT_EQ(path_obstacle("/var/lib/docker"), std::nullopt);
  EXPECT_EQ(path_obstacle("/var/lib/my docker's \t root"), std::nullopt);
  EXPECT_THAT(path_obstacle("/a,b").value_or(""), testing::HasSubstr("has a ','"));
  EXPECT_THAT(path_obstacle("/a:b").value_or(""), testing::HasSubstr("has a ':'"));
  EXPECT_THAT(path_obstacle("/a\\b").value_or(""), testing::HasSubstr("has a '\\'"));
}

TEST(UserNamespaceTest, IsAnythingButTheWholeIdentity) {
  EXPECT_FALSE(is_of_user_namespace("         0          0 4294967295\n"));
  EXPECT_TRUE(is_of_user_namespace("         0     100000      65536\n"));
  EXPECT_TRUE(is_of_user_namespace("         0          0      65536\n"));
  EXPECT_TRUE(is_of_user_namespace("         0       1000          1\n"
                                   "         1     100000      65536\n"));
  EXPECT_TRUE(is_of_user_namespace("")); // one that nobody has mapped yet
}

using Mounts = std::vector<sys::MountEntry>;

sys::MountEntry entry(const char* root, const char* mount_point) {
  return {root, mount_point, "rw", "ext4", "/dev/vda"};
}

struct Place {
  const char* name;
  Mounts mounts;
  bool on_root;
};

class PlaceTest : public testing::TestWithParam<Place> {};

TEST_P(PlaceTest, IsTheRootsOwnOnlyWhereTheRootWouldShowIt) {
  EXPECT_EQ(lies_on_root("/cache/canary", GetParam().mounts), GetParam().on_root)
      << GetParam().name;
}

INSTANTIATE_TEST_SUITE_P(
    Tables, PlaceTest,
    testing::Values(
        Place{"the root alone", {entry("/", "/")}, true},
        Place{"bound on itself", {entry("/", "/"), entry("/cache", "/cache")}, true},
        Place{"a root inside its filesystem, bound on itself",
              {entry("/vfs/1", "/"), entry("/vfs/1/cache", "/cache")},
              true},
        Place{"a directory of the host", {entry("/vfs/1", "/"), entry("/srv", "/cache")}, false},
        Place{"another directory of the host above it",
              {entry("/vfs/1", "/"), entry("/srv", "/cache/canary")},
              false},
        Place{"a namesake", {entry("/", "/"), entry("/srv", "/cach")}, true},
        Place{"on top of one bound on itself",
              {entry("/", "/"), entry("/cache", "/cache"), entry("/srv", "/cache")},
              false},
        Place{"no root", {entry("/", "/cache")}, false}, Place{"no mounts", {}, false}));

} // namespace
} // namespace dind::host
