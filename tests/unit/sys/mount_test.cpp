#include <support/expect.hpp>
#include <sys/mount.hpp>

#include <linux/magic.h>

namespace dind::sys {
namespace {

using test::fails_saying;
using test::ok;

TEST(ParseMountinfoTest, ReadsTheFieldsOfProc5) {
  const auto entries = parse_mountinfo(
      "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 propagate_from:2 - ext3 /dev/root rw,errors=x\n"
      "22 28 0:20 / /sys rw,nosuid - sysfs sysfs rw\n");
  ASSERT_TRUE(ok(entries));
  ASSERT_EQ(entries->size(), 2U);
  const MountEntry& first = entries->front();
  EXPECT_EQ(first.root, "/mnt1");
  EXPECT_EQ(first.mount_point, "/mnt2");
  EXPECT_EQ(first.options, "rw,noatime");
  EXPECT_EQ(first.type, "ext3");
  EXPECT_EQ(first.source, "/dev/root");
  EXPECT_EQ(entries->back().mount_point, "/sys"); // without any optional field
  EXPECT_EQ(entries->back().type, "sysfs");
}

TEST(ParseMountinfoTest, UndoesTheKernelsEscapes) {
  const auto entries =
      parse_mountinfo("1 0 0:1 /a\\040b /c\\011d\\134e\\012f rw - tmpfs none\\040x rw\n");
  ASSERT_TRUE(ok(entries));
  EXPECT_EQ(entries->front().root, "/a b");
  EXPECT_EQ(entries->front().mount_point, "/c\td\\e\nf");
  EXPECT_EQ(entries->front().source, "none x");
}

TEST(ParseMountinfoTest, AcceptsAnEscapeAtTheVeryEnd) {
  const auto entries = parse_mountinfo("1 0 0:1 / /end\\040 rw - tmpfs\\040 x rw\n");
  ASSERT_TRUE(ok(entries));
  EXPECT_EQ(entries->front().mount_point, "/end ");
}

TEST(ParseMountinfoTest, RefusesALineThatEndsTooEarly) {
  EXPECT_TRUE(fails_saying("too few fields", parse_mountinfo("1 0 0:1 / /mnt rw shared:1\n")));
  EXPECT_TRUE(fails_saying("too few fields", parse_mountinfo("1 0 0:1 / /mnt rw - \n")));
}

TEST(ParseMountinfoTest, ReadsThisMachinesOwn) {
  const auto entries = read_mountinfo();
  ASSERT_TRUE(ok(entries));
  const auto root = is_mount_point("/");
  ASSERT_TRUE(ok(root));
  EXPECT_TRUE(*root);
  EXPECT_FALSE(*is_mount_point("/no/such/place"));
}

TEST(FilesystemNameTest, NamesTheKnownAndShowsTheUnknown) {
  EXPECT_EQ(filesystem_name(EXT4_SUPER_MAGIC), "ext4");
  EXPECT_EQ(filesystem_name(OVERLAYFS_SUPER_MAGIC), "overlay");
  EXPECT_EQ(filesystem_name(0x58465342), "xfs");
  EXPECT_EQ(filesystem_name(0x1234), "0x1234");
  const Fd proc = open_dir("/proc").value();
  EXPECT_TRUE(ok(filesystem_of(proc)));
}

} // namespace
} // namespace dind::sys
